#include "valence/kernels/bf16_product_tables.h"
#include "valence/kernels/bf16_widened_products.h"
#include "valence/kernels/simd_portable.h"
#include "valence/kernels/training_kernels.h"

namespace valence::kernels {

constinit const TrainingKernels kTrainingPortable = training_kernels<SimdPortable>();
constinit const Bf16Products kBf16ProductsPortable =
    widened_bf16_products<SimdPortable>("bf16 in f32 arithmetic, portable");

}  // namespace valence::kernels
