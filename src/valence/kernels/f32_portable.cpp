#include "valence/kernels/f32_kernels.h"
#include "valence/kernels/simd_portable.h"

namespace valence::kernels {

constinit const F32Kernels kF32Portable = f32_kernels<SimdPortable>();

}  // namespace valence::kernels
