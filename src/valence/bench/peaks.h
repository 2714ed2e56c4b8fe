/// \file
/// What the arithmetic units of this machine can do at most, so that a speed can be given as a share of it.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace valence::bench {

enum class Peak {
  kF32Fma512,
  kF32Fma256,
  kBf16Dot512,
  kFp16Fma512,
  kInt16Dot512,
  kInt16Dot256,
  kInt8Dot512,
  kInt8Dot256,
  kInt8Madd256,
  kAmxInt8,
  kAmxInt8Data,
  kAmxBf16,
  kAmxBf16Data,
  kAmxFp16,
  kAmxFp16Data,
};

/// A register loop: its place in JSON, and what people read.
struct PeakInfo {
  Peak peak;
  std::string_view name;   ///< "int8_dot_512"
  std::string_view label;  ///< "int8 vpdpbusd, 512 bit"
};

[[nodiscard]] const PeakInfo& info(Peak peak);

/// Those this CPU and operating system run, narrowest type last. Asks for AMX where the CPU has it. Empty on a CPU
/// without FMA.
[[nodiscard]] std::vector<Peak> runnable_peaks();

/// Gop/s, 1 multiply-add = 2 op, on independent registers; AMX loops read their operands from the first-level cache, as
/// real products do. The "data" loops have random operands, under which some cores lower their clock, the others zeros.
/// One thread: the calling one, by its processor time, median over slices of 2 ms. More: by the wall clock of threads
/// that start together. Takes about `seconds`. `peak` must be runnable. Clocks move: call it beside the work it is
/// compared with.
[[nodiscard]] double measure_peak_gops(Peak peak, std::size_t threads, double seconds);

/// The f32 multiply-add peak of this core at its widest vectors, in 50 ms; 0 when the CPU has no FMA.
[[nodiscard]] double measure_f32_fma_peak_gflops();

}  // namespace valence::bench
