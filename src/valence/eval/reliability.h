/// \file
/// Whether a score of 0.8 is right eight times in ten.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace valence::eval {

inline constexpr std::size_t kReliabilityBins = 15;

enum class Binning {
  kEqualWidth,  ///< (0, 1/bins], (1/bins, 2/bins], ...: the usual reliability diagram
  kEqualMass,   ///< as many rows in each: "adaptive"
};

struct ReliabilityBin {
  double low = 0;  ///< confidences in (low, high]; the first bin holds 0 too. Of equal mass: the lowest and highest
  double high = 0;
  std::uint64_t rows = 0;
  double mean_confidence = 0;  ///< 0 for no rows, as the next
  double accuracy = 0;
};

struct Reliability {
  std::vector<ReliabilityBin> bins;
  double expected_error = 0;  ///< ECE: mean |accuracy - confidence| of the bins, weighted by rows; NaN for no rows
  double maximum_error = 0;   ///< MCE: the largest
};

/// confidence: the score of the label that was answered, in [0, 1]; is_right: 0 or 1; as long as one another.
/// Source: C. Guo et al., "On calibration of modern neural networks", ICML 2017.
[[nodiscard]] Reliability reliability(std::span<const float> confidence, std::span<const std::uint8_t> is_right,
                                      std::size_t num_bins = kReliabilityBins, Binning binning = Binning::kEqualWidth);

}  // namespace valence::eval
