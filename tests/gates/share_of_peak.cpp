#include "gates/share_of_peak.h"

#include <algorithm>

#include "valence/bench/cpu_clock.h"

namespace valence::gates {
namespace {

constexpr int kRounds = 5;
constexpr int kSlicesOfARound = 10;
constexpr double kSliceSeconds = 0.002;
constexpr double kPeakSeconds = 0.01;

double gops_of_a_slice(const HotKernel& kernel) {
  const double start = bench::thread_cpu_seconds();
  double elapsed = 0;
  int runs = 0;
  while (elapsed < kSliceSeconds) {
    kernel.run();
    ++runs;
    elapsed = bench::thread_cpu_seconds() - start;
  }
  return runs * kernel.gop / elapsed;
}

}  // namespace

ShareOfPeak measure_share_of_peak(const HotKernel& kernel) {
  kernel.prepare();
  kernel.run();
  ShareOfPeak best;
  for (int round = 0; round < kRounds; ++round) {
    best.peak_gops = std::max(best.peak_gops, bench::measure_peak_gops(kernel.peak, 1, kPeakSeconds));
    kernel.prepare();  // tiles are configured by whoever uses them
    for (int slice = 0; slice < kSlicesOfARound; ++slice) best.gops = std::max(best.gops, gops_of_a_slice(kernel));
  }
  return best;
}

}  // namespace valence::gates
