#include "valence/kernels/dot_avx2.h"
#include "valence/kernels/i8_kernels.h"

namespace valence::kernels {

constinit const EncoderKernels kI8Avx2 = i8_kernels<DotAvx2>();

}  // namespace valence::kernels
