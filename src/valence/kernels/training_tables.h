/// \file
/// The training tables, one for each training_<isa>.cpp. Only dispatch.cpp may take one, after it has looked at the
/// CPU.
#pragma once

#include "valence/kernels/training_table.h"

namespace valence::kernels {

extern const TrainingKernels kTrainingPortable;  ///< x86-64-v2, or any other machine
extern const TrainingKernels kTrainingAvx2;      ///< AVX2, FMA and the rest of x86-64-v3
extern const TrainingKernels kTrainingAvx512;    ///< AVX-512 F, BW, CD, DQ, VL: x86-64-v4

}  // namespace valence::kernels
