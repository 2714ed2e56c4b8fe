#include "valence/kernels/simd_portable.h"
#include "valence/kernels/training_kernels.h"

namespace valence::kernels {

constinit const TrainingKernels kTrainingPortable = training_kernels<SimdPortable>();

}  // namespace valence::kernels
