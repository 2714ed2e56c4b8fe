#include "valence/kernels/f32_kernels.h"
#include "valence/kernels/simd_avx2.h"

namespace valence::kernels {

constinit const F32Kernels kF32Avx2 = f32_kernels<SimdAvx2>();

}  // namespace valence::kernels
