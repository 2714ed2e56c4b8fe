#include "valence/eval/reliability.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "valence/base/check.h"

namespace valence::eval {
namespace {

std::size_t bin_of_width(double confidence, std::size_t num_bins) {
  const double scaled = std::ceil(confidence * static_cast<double>(num_bins)) - 1;
  return static_cast<std::size_t>(std::clamp(scaled, 0.0, static_cast<double>(num_bins - 1)));
}

/// Sums so far: divided by the rows when all are in.
void add_row(ReliabilityBin& bin, double confidence, bool is_right) {
  ++bin.rows;
  bin.mean_confidence += confidence;
  bin.accuracy += is_right ? 1 : 0;
}

}  // namespace

Reliability reliability(std::span<const float> confidence, std::span<const std::uint8_t> is_right, std::size_t num_bins,
                        Binning binning) {
  VALENCE_ASSERT(confidence.size() == is_right.size() && num_bins > 0, "a verdict a row");
  const std::size_t rows = confidence.size();
  Reliability result;
  result.bins.resize(num_bins);
  if (binning == Binning::kEqualWidth) {
    for (std::size_t bin = 0; bin < num_bins; ++bin) {
      result.bins[bin].low = static_cast<double>(bin) / static_cast<double>(num_bins);
      result.bins[bin].high = static_cast<double>(bin + 1) / static_cast<double>(num_bins);
    }
    for (std::size_t row = 0; row < rows; ++row) {
      add_row(result.bins[bin_of_width(confidence[row], num_bins)], confidence[row], is_right[row] != 0);
    }
  } else {
    std::vector<std::size_t> order(rows);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, {}, [&](std::size_t row) { return confidence[row]; });
    for (std::size_t place = 0; place < rows; ++place) {
      const std::size_t row = order[place];
      ReliabilityBin& bin = result.bins[place * num_bins / rows];
      if (bin.rows == 0) bin.low = confidence[row];
      bin.high = confidence[row];
      add_row(bin, confidence[row], is_right[row] != 0);
    }
  }
  for (ReliabilityBin& bin : result.bins) {
    if (bin.rows == 0) continue;
    const auto count = static_cast<double>(bin.rows);
    bin.mean_confidence /= count;
    bin.accuracy /= count;
    const double error = std::abs(bin.accuracy - bin.mean_confidence);
    result.expected_error += error * count / static_cast<double>(rows);
    result.maximum_error = std::max(result.maximum_error, error);
  }
  if (rows == 0) result.expected_error = result.maximum_error = std::numeric_limits<double>::quiet_NaN();
  return result;
}

}  // namespace valence::eval
