#include "valence/bench/peaks.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>

#include "valence/base/check.h"
#include "valence/bench/amx_peaks.h"
#include "valence/bench/cpu_clock.h"
#include "valence/bench/machine.h"
#include "valence/bench/percentile.h"
#include "valence/bench/together.h"
#include "valence/bench/vector_peaks.h"
#include "valence/kernels/amx_permission.h"
#include "valence/kernels/cpu_identity.h"

namespace valence::bench {
namespace {

using kernels::has_flag;

constexpr double kSliceSeconds = 0.002;
constexpr int kRoundsTogether = 5;

/// In the order of the enum.
constexpr std::array<PeakInfo, 15> kPeaks = {{
    {Peak::kF32Fma512, "f32_fma_512", "f32 vfmadd, 512 bit"},
    {Peak::kF32Fma256, "f32_fma_256", "f32 vfmadd, 256 bit"},
    {Peak::kBf16Dot512, "bf16_dot_512", "bf16 vdpbf16ps, 512 bit"},
    {Peak::kFp16Fma512, "fp16_fma_512", "fp16 vfmadd, 512 bit"},
    {Peak::kInt16Dot512, "int16_dot_512", "int16 vpdpwssd, 512 bit"},
    {Peak::kInt16Dot256, "int16_dot_256", "int16 vpdpwssd, 256 bit"},
    {Peak::kInt8Dot512, "int8_dot_512", "int8 vpdpbusd, 512 bit"},
    {Peak::kInt8Dot256, "int8_dot_256", "int8 vpdpbusd, 256 bit"},
    {Peak::kInt8Madd256, "int8_madd_256", "int8 vpmaddwd, 256 bit"},
    {Peak::kAmxInt8, "amx_int8", "int8 AMX, zeros"},
    {Peak::kAmxInt8Data, "amx_int8_data", "int8 AMX, random data"},
    {Peak::kAmxBf16, "amx_bf16", "bf16 AMX, zeros"},
    {Peak::kAmxBf16Data, "amx_bf16_data", "bf16 AMX, random data"},
    {Peak::kAmxFp16, "amx_fp16", "fp16 AMX, zeros"},
    {Peak::kAmxFp16Data, "amx_fp16_data", "fp16 AMX, random data"},
}};

bool amx_runs(std::string_view flag) {
  return has_flag(flag) && kernels::amx_permission().answer == kernels::AmxAnswer::kGranted;
}

bool runs_here(Peak peak) {
  switch (peak) {
    case Peak::kF32Fma512:
      return has_flag("avx512f");
    case Peak::kF32Fma256:
      return has_flag("fma");
    case Peak::kBf16Dot512:
      return has_flag("avx512_bf16");
    case Peak::kFp16Fma512:
      return has_flag("avx512_fp16");
    case Peak::kInt16Dot512:
    case Peak::kInt8Dot512:
      return has_flag("avx512_vnni");
    case Peak::kInt16Dot256:
    case Peak::kInt8Dot256:
      return has_flag("avx_vnni") || (has_flag("avx512_vnni") && has_flag("avx512vl"));
    case Peak::kInt8Madd256:
      return has_flag("avx2");
    case Peak::kAmxInt8:
    case Peak::kAmxInt8Data:
      return amx_runs("amx_int8");
    case Peak::kAmxBf16:
    case Peak::kAmxBf16Data:
      return amx_runs("amx_bf16");
    case Peak::kAmxFp16:
    case Peak::kAmxFp16Data:
      return amx_runs("amx_fp16");
  }
  return false;
}

struct Loop {
  double ops_per_iteration = 0;
  std::function<void(std::int64_t iterations)> run;
};

Loop amx_loop(AmxType type, bool random) {
  const auto operands = std::make_shared<const AlignedBuffer<std::byte>>(amx_operands(type, random));
  return {amx_ops_per_iteration(type),
          [type, operands](std::int64_t iterations) { amx_products(type, iterations, operands->data()); }};
}

Loop loop_of(Peak peak) {
  switch (peak) {
    case Peak::kF32Fma512:
      return {kF32Fma512Ops, f32_fma_512};
    case Peak::kF32Fma256:
      return {kF32Fma256Ops, f32_fma_256};
    case Peak::kBf16Dot512:
      return {kBf16Dot512Ops, bf16_dot_512};
    case Peak::kFp16Fma512:
      return {kFp16Fma512Ops, fp16_fma_512};
    case Peak::kInt16Dot512:
      return {kInt16Dot512Ops, int16_dot_512};
    case Peak::kInt16Dot256:
      return {kInt16Dot256Ops, has_flag("avx_vnni") ? int16_dot_256_vex : int16_dot_256_evex};
    case Peak::kInt8Dot512:
      return {kInt8Dot512Ops, int8_dot_512};
    case Peak::kInt8Dot256:
      return {kInt8Dot256Ops, has_flag("avx_vnni") ? int8_dot_256_vex : int8_dot_256_evex};
    case Peak::kInt8Madd256:
      return {kInt8Madd256Ops, int8_madd_256};
    case Peak::kAmxInt8:
      return amx_loop(AmxType::kInt8, false);
    case Peak::kAmxInt8Data:
      return amx_loop(AmxType::kInt8, true);
    case Peak::kAmxBf16:
      return amx_loop(AmxType::kBf16, false);
    case Peak::kAmxBf16Data:
      return amx_loop(AmxType::kBf16, true);
    case Peak::kAmxFp16:
      return amx_loop(AmxType::kFp16, false);
    case Peak::kAmxFp16Data:
      return amx_loop(AmxType::kFp16, true);
  }
  return {};
}

double seconds_of(const Loop& loop, std::int64_t iterations) {
  const double start = thread_cpu_seconds();
  loop.run(iterations);
  return thread_cpu_seconds() - start;
}

/// As many iterations as take about kSliceSeconds.
std::int64_t iterations_of_a_slice(const Loop& loop) {
  std::int64_t iterations = 1000;
  while (seconds_of(loop, iterations) < kSliceSeconds) iterations *= 2;
  return iterations;
}

double rate_of_one(const Loop& loop, double seconds) {
  const std::int64_t iterations = iterations_of_a_slice(loop);
  std::vector<double> rates;
  double spent = 0;
  while (spent < seconds || rates.empty()) {
    const double slice = seconds_of(loop, iterations);
    rates.push_back(static_cast<double>(iterations) * loop.ops_per_iteration / slice);
    spent += slice;
  }
  return median(std::move(rates));
}

double rate_together(const Loop& loop, std::size_t threads, double seconds) {
  const double alone = rate_of_one(loop, seconds / kRoundsTogether);
  const double turns = std::ceil(static_cast<double>(threads) / static_cast<double>(usable_cpus()));
  const double round_seconds = std::max(kSliceSeconds, seconds / kRoundsTogether / turns);
  const auto iterations = static_cast<std::int64_t>(alone * round_seconds / loop.ops_per_iteration) + 1;
  std::vector<double> rates;
  for (int round = 0; round < kRoundsTogether; ++round) {
    const double took = seconds_together(
        threads, [&](std::size_t) { loop.run(1); }, [&](std::size_t) { loop.run(iterations); });
    rates.push_back(static_cast<double>(threads) * static_cast<double>(iterations) * loop.ops_per_iteration / took);
  }
  return median(std::move(rates));
}

}  // namespace

const PeakInfo& info(Peak peak) { return kPeaks[static_cast<std::size_t>(peak)]; }

std::vector<Peak> runnable_peaks() {
  std::vector<Peak> runnable;
  for (const PeakInfo& each : kPeaks) {
    if (runs_here(each.peak)) runnable.push_back(each.peak);
  }
  return runnable;
}

double measure_peak_gops(Peak peak, std::size_t threads, double seconds) {
  VALENCE_ASSERT(runs_here(peak) && threads >= 1, "callers choose among runnable_peaks()");
  const Loop loop = loop_of(peak);
  return (threads == 1 ? rate_of_one(loop, seconds) : rate_together(loop, threads, seconds)) / 1e9;
}

double measure_f32_fma_peak_gflops() {
  constexpr double kSeconds = 0.05;
  for (const Peak peak : {Peak::kF32Fma512, Peak::kF32Fma256}) {
    if (runs_here(peak)) return measure_peak_gops(peak, 1, kSeconds);
  }
  return 0;
}

}  // namespace valence::bench
