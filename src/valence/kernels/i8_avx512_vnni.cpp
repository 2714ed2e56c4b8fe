#include "valence/kernels/dot_avx512_vnni.h"
#include "valence/kernels/i8_kernels.h"

namespace valence::kernels {

constinit const EncoderKernels kI8Avx512Vnni = i8_kernels<DotAvx512Vnni>();

}  // namespace valence::kernels
