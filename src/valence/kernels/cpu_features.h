/// \file
/// What this CPU has, and the operating system lets programs use.
#pragma once

namespace valence::kernels {

/// Levels as the x86-64 psABI defines them, and the extensions beyond that kernels ask for.
struct CpuFeatures {
  bool x86_64_v3 = false;  ///< AVX2, FMA, BMI1, BMI2, F16C, LZCNT, MOVBE
  bool x86_64_v4 = false;  ///< v3 and AVX-512 F, BW, CD, DQ, VL
  bool avx_vnni = false;   ///< 256-bit VNNI with VEX encoding
  bool avx512_vnni = false;
  bool avx512_vbmi = false;
  bool avx512_bf16 = false;
  bool avx512_fp16 = false;
  bool amx_bf16 = false;  ///< as amx_int8
  bool amx_fp16 = false;
  bool amx_int8 = false;  ///< tiles as well; use needs the kernel's permission once a process
};

/// CPUID and XGETBV; a feature whose registers the operating system does not save counts as absent.
[[nodiscard]] CpuFeatures detect_cpu_features();

}  // namespace valence::kernels
