#include "valence/bench/reference_peak.h"

#include <algorithm>

#include "valence/base/check.h"
#include "valence/kernels/cpu_identity.h"

namespace valence::bench {
namespace {

using kernels::Isa;

std::optional<Peak> int8_peak(Isa isa) {
  switch (isa) {
    case Isa::kPortable:
      return std::nullopt;
    case Isa::kAvx2:
      return Peak::kInt8Madd256;
    case Isa::kAvxVnni:
      return Peak::kInt8Dot256;
    case Isa::kAvx512Vnni:
      return Peak::kInt8Dot512;
    case Isa::kAmx:
      return Peak::kAmxInt8Data;
  }
  return std::nullopt;
}

std::optional<Peak> f32_peak(Isa isa) {
  switch (isa) {
    case Isa::kPortable:
      return std::nullopt;
    case Isa::kAvx2:
    case Isa::kAvxVnni:
      return Peak::kF32Fma256;
    case Isa::kAvx512Vnni:
    case Isa::kAmx:
      return Peak::kF32Fma512;
  }
  return std::nullopt;
}

/// fp16 runs as 16-bit integers where there is VNNI, and by AMX only where that has fp16.
std::optional<Peak> fp16_peak(Isa isa) {
  switch (isa) {
    case Isa::kPortable:
    case Isa::kAvx2:
      return std::nullopt;
    case Isa::kAvxVnni:
      return Peak::kInt16Dot256;
    case Isa::kAvx512Vnni:
      return Peak::kInt16Dot512;
    case Isa::kAmx:
      return kernels::has_flag("amx_fp16") ? Peak::kAmxFp16Data : Peak::kInt16Dot512;
  }
  return std::nullopt;
}

std::optional<Peak> wanted_peak(Precision precision, Isa isa) {
  switch (precision) {
    case Precision::kAuto:
    case Precision::kFp32:
      return f32_peak(isa);
    case Precision::kFp16:
      return fp16_peak(isa);
    case Precision::kBf16:
      if (isa == Isa::kAmx) return Peak::kAmxBf16Data;
      return isa == Isa::kAvx512Vnni ? std::optional(Peak::kBf16Dot512) : std::nullopt;
    case Precision::kInt8:
      return int8_peak(isa);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Peak> reference_peak(Precision precision, kernels::Isa isa) {
  VALENCE_ASSERT(precision != Precision::kAuto, "a runner says what it runs in");
  const auto wanted = wanted_peak(precision, isa);
  if (!wanted) return std::nullopt;
  const auto runnable = runnable_peaks();
  const bool runs = std::find(runnable.begin(), runnable.end(), *wanted) != runnable.end();
  return runs ? wanted : std::nullopt;
}

}  // namespace valence::bench
