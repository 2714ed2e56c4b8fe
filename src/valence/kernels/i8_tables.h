/// \file
/// The int8 tables, one for each i8_<isa>.cpp. Only dispatch.cpp may take one, after it has looked at the CPU.
#pragma once

#include "valence/kernels/encoder_kernels.h"

namespace valence::kernels {

extern const EncoderKernels kI8Portable;    ///< x86-64-v2, or any other machine
extern const EncoderKernels kI8Avx2;        ///< AVX2, FMA
extern const EncoderKernels kI8AvxVnni;     ///< and AVX-VNNI
extern const EncoderKernels kI8Avx512Vnni;  ///< x86-64-v4 and AVX512-VNNI

}  // namespace valence::kernels
