#include "valence/kernels/f32_kernels.h"
#include "valence/kernels/simd_avx512.h"

namespace valence::kernels {

constinit const F32Kernels kF32Avx512 = f32_kernels<SimdAvx512>();

}  // namespace valence::kernels
