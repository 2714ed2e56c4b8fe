/// \file
/// The f32 tables, one for each f32_<isa>.cpp. Only dispatch.cpp may take one, after it has looked at the CPU.
#pragma once

#include "valence/kernels/kernel_table.h"

namespace valence::kernels {

extern const F32Kernels kF32Portable;  ///< x86-64-v2, or any other machine
extern const F32Kernels kF32Avx2;      ///< AVX2, FMA and the rest of x86-64-v3
extern const F32Kernels kF32Avx512;    ///< AVX-512 F, BW, CD, DQ, VL: x86-64-v4

}  // namespace valence::kernels
