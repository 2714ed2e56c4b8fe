#include "valence/kernels/dot_avx2.h"
#include "valence/kernels/encoder_table.h"
#include "valence/kernels/i8_format.h"
#include "valence/kernels/i8_tables.h"

namespace valence::kernels {

constinit const EncoderKernels kI8Avx2 = encoder_table<I8Format<DotAvx2>>();

}  // namespace valence::kernels
