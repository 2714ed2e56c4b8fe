#include "valence/kernels/simd_avx2.h"
#include "valence/kernels/training_kernels.h"

namespace valence::kernels {

constinit const TrainingKernels kTrainingAvx2 = training_kernels<SimdAvx2>();

}  // namespace valence::kernels
