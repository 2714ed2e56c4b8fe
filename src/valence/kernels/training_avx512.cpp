#include "valence/kernels/bf16_product_tables.h"
#include "valence/kernels/bf16_widened_products.h"
#include "valence/kernels/simd_avx512.h"
#include "valence/kernels/training_kernels.h"

namespace valence::kernels {

constinit const TrainingKernels kTrainingAvx512 = training_kernels<SimdAvx512>();
constinit const Bf16Products kBf16ProductsAvx512 = widened_bf16_products<SimdAvx512>("bf16 in f32 arithmetic, AVX-512");

}  // namespace valence::kernels
