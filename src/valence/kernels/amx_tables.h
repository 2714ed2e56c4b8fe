/// \file
/// The AMX tables. Only dispatch.cpp may take one, after it has looked at the CPU and asked the operating system; all
/// need AVX-512 with VBMI, BF16 and FP16, and AMX-BF16.
#pragma once

#include "valence/kernels/encoder_kernels.h"

namespace valence::kernels {

extern const EncoderKernels kI8Amx;    ///< AMX-INT8
extern const EncoderKernels kBf16Amx;  ///< AMX-BF16
extern const EncoderKernels kFp16Amx;  ///< AMX-FP16

}  // namespace valence::kernels
