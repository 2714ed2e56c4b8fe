#include "valence/kernels/bf16_product_tables.h"
#include "valence/kernels/bf16_widened_products.h"
#include "valence/kernels/simd_avx2.h"
#include "valence/kernels/training_kernels.h"

namespace valence::kernels {

constinit const TrainingKernels kTrainingAvx2 = training_kernels<SimdAvx2>();
constinit const Bf16Products kBf16ProductsAvx2 = widened_bf16_products<SimdAvx2>("bf16 in f32 arithmetic, AVX2");

}  // namespace valence::kernels
