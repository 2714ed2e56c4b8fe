#include "valence/kernels/dot_avx512_vnni.h"
#include "valence/kernels/encoder_table.h"
#include "valence/kernels/half_tables.h"
#include "valence/kernels/i16_format.h"

namespace valence::kernels {

constinit const EncoderKernels kI16Avx512Vnni = encoder_table<I16Format<DotAvx512Vnni>>();

}  // namespace valence::kernels
