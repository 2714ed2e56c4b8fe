#include "valence/kernels/dot_portable.h"
#include "valence/kernels/i8_kernels.h"

namespace valence::kernels {

constinit const EncoderKernels kI8Portable = i8_kernels<DotPortable>();

}  // namespace valence::kernels
