/// \file
/// Products of training in bf16, one table for each way to compute them. Only dispatch.cpp may take one, after it has
/// looked at the CPU.
#pragma once

#include "valence/kernels/bf16_products.h"

namespace valence::kernels {

/// bf16 operands, f32 arithmetic: the answers for CPUs that multiply f32 faster, or nothing else.
extern const Bf16Products kBf16ProductsPortable;
extern const Bf16Products kBf16ProductsAvx2;
extern const Bf16Products kBf16ProductsAvx512;
extern const Bf16Products kBf16ProductsAvx512Bf16;  ///< x86-64-v4 and AVX512-BF16
extern const Bf16Products kBf16ProductsAmx;         ///< as kBf16Amx

}  // namespace valence::kernels
