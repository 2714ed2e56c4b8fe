/// \file
/// What was fitted on held-out rows so that scores can be believed; kept beside a model's weights as calibration.json.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "valence/prediction.h"

namespace valence {

/// From which best score on an answer is given, and what that rests on.
struct AbstentionRule {
  double threshold = 0;     ///< a best score below it is no answer
  double target_error = 0;  ///< the error among answers that it was chosen for
  double confidence = 0;    ///< that the error is not higher than error_bound, one-sided
  double error_bound = 0;
  std::uint64_t rows = 0;  ///< fitted on; answered and wrong are of those
  std::uint64_t answered = 0;
  std::uint64_t errors = 0;
};

struct Calibration {
  /// The function that it was fitted for: other functions, and the logits, stay as they are. kSoftmax or kSigmoid.
  ScoreFunction function = ScoreFunction::kSoftmax;
  double temperature = 1;  ///< logits are divided by it; above 0
  /// By label id, of models with several labels a text: the score from which on a row has the label. Else empty.
  std::vector<double> label_thresholds = {};
  std::optional<AbstentionRule> abstention = std::nullopt;
};

}  // namespace valence
