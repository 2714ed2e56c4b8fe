#include "valence/kernels/simd_avx512.h"
#include "valence/kernels/training_kernels.h"

namespace valence::kernels {

constinit const TrainingKernels kTrainingAvx512 = training_kernels<SimdAvx512>();

}  // namespace valence::kernels
