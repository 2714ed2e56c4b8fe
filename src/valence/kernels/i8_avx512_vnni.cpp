#include "valence/kernels/dot_avx512_vnni.h"
#include "valence/kernels/encoder_table.h"
#include "valence/kernels/i8_format.h"
#include "valence/kernels/i8_tables.h"

namespace valence::kernels {

constinit const EncoderKernels kI8Avx512Vnni = encoder_table<I8Format<DotAvx512Vnni>>();

}  // namespace valence::kernels
