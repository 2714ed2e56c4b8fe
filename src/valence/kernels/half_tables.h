/// \file
/// The 16-bit tables, one for each i16_<isa>.cpp and bf16_<isa>.cpp. Only dispatch.cpp may take one, after it has
/// looked at the CPU.
#pragma once

#include "valence/kernels/encoder_kernels.h"

namespace valence::kernels {

extern const EncoderKernels kI16AvxVnni;     ///< AVX2, FMA and AVX-VNNI
extern const EncoderKernels kI16Avx512Vnni;  ///< x86-64-v4 and AVX512-VNNI
extern const EncoderKernels kBf16Avx512;     ///< x86-64-v4, AVX512-VNNI and AVX512-BF16

}  // namespace valence::kernels
