/// \file
/// From which score on a label is given: by the best F1, or by a wanted precision or recall.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace valence::eval {

/// A label is given to the rows whose score is at least `threshold`.
struct ThresholdChoice {
  double threshold = 0.5;
  double precision = 0;
  double recall = 0;
  double f1 = 0;
  std::uint64_t predicted = 0;  ///< rows that get the label
  std::uint64_t hits = 0;       ///< and have it
};

// scores: of one label; is_true: whether each row has it; as long as one another. Thresholds lie half way to the next
// lower score, so that the last bit of a score does not decide. Nothing where no row has the label.

/// The best F1; of equal ones the highest threshold.
[[nodiscard]] std::optional<ThresholdChoice> threshold_for_best_f1(std::span<const float> scores,
                                                                   std::span<const std::uint8_t> is_true);
/// The most recall that a precision of at least `target` allows; nothing if none does.
[[nodiscard]] std::optional<ThresholdChoice> threshold_for_precision(std::span<const float> scores,
                                                                     std::span<const std::uint8_t> is_true,
                                                                     double target);
/// The most precision that a recall of at least `target` allows.
[[nodiscard]] std::optional<ThresholdChoice> threshold_for_recall(std::span<const float> scores,
                                                                  std::span<const std::uint8_t> is_true, double target);

}  // namespace valence::eval
