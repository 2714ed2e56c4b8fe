/// \file
/// Logits -> scores. Probabilities exist only from here on.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "valence/base/error.h"
#include "valence/model/head_spec.h"
#include "valence/prediction.h"

namespace valence {

/// The function that `requested` means for a head of `problem_type`. Never ScoreFunction::kModel.
[[nodiscard]] ScoreFunction resolve_function(ScoreFunction requested, ProblemType problem_type);

/// Logits that are no finite numbers are an error.
Status check_finite(std::span<const float> logits);

/// Scores of the labels `kept` (ids into `logits`, in output order). Softmax runs over the kept labels only, which is
/// the same as renormalising; sigmoid and none look at each label by itself. Accumulates in double. Logits are divided
/// by `temperature` before softmax and sigmoid; 1 leaves every bit as it is.
[[nodiscard]] Prediction to_prediction(std::span<const float> logits, std::span<const std::int32_t> kept,
                                       ScoreFunction function, double temperature = 1);

/// The `count` best label ids of `scores`, best first; equal scores keep label order.
[[nodiscard]] std::vector<std::int32_t> top_labels(std::span<const float> scores, std::size_t count);

}  // namespace valence
