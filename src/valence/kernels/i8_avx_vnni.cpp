#include "valence/kernels/dot_avx2.h"
#include "valence/kernels/i8_kernels.h"

namespace valence::kernels {

constinit const EncoderKernels kI8AvxVnni = i8_kernels<DotAvxVnni>();

}  // namespace valence::kernels
