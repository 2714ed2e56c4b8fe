#include "valence/engine/postprocess.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace valence {
namespace {

void softmax(std::span<float> values, double temperature) {
  const float highest = *std::max_element(values.begin(), values.end());
  double sum = 0;
  const auto weight = [&](float value) { return std::exp((static_cast<double>(value) - highest) / temperature); };
  for (const float value : values) sum += weight(value);
  for (float& value : values) value = static_cast<float>(weight(value) / sum);
}

float sigmoid(float logit, double temperature) {
  return static_cast<float>(1.0 / (1.0 + std::exp(-static_cast<double>(logit) / temperature)));
}

}  // namespace

ScoreFunction resolve_function(ScoreFunction requested, ProblemType problem_type) {
  if (requested != ScoreFunction::kModel) return requested;
  switch (problem_type) {
    case ProblemType::kSingleLabel:
      return ScoreFunction::kSoftmax;
    case ProblemType::kMultiLabel:
      return ScoreFunction::kSigmoid;
    case ProblemType::kRegression:
      return ScoreFunction::kNone;
  }
  return ScoreFunction::kSoftmax;
}

Status check_finite(std::span<const float> logits) {
  if (std::all_of(logits.begin(), logits.end(), [](float logit) { return std::isfinite(logit); })) return {};
  return fail(ErrorCode::kInvalidData, "", "the model's logits are not finite",
              "the checkpoint holds infinite or NaN weights, or its activations exceed what this precision holds: try "
              "--precision fp32");
}

Prediction to_prediction(std::span<const float> logits, std::span<const std::int32_t> kept, ScoreFunction function,
                         double temperature) {
  Prediction prediction;
  prediction.scores.reserve(kept.size());
  for (const std::int32_t label : kept) prediction.scores.push_back(logits[static_cast<std::size_t>(label)]);
  switch (function) {
    case ScoreFunction::kModel:  // resolved by the caller
    case ScoreFunction::kSoftmax:
      softmax(prediction.scores, temperature);
      break;
    case ScoreFunction::kSigmoid:
      for (float& score : prediction.scores) score = sigmoid(score, temperature);
      break;
    case ScoreFunction::kNone:
      break;
  }
  const auto best = std::max_element(prediction.scores.begin(), prediction.scores.end());
  prediction.label_id = static_cast<std::int32_t>(best - prediction.scores.begin());
  prediction.score = *best;
  return prediction;
}

std::vector<std::int32_t> top_labels(std::span<const float> scores, std::size_t count) {
  std::vector<std::int32_t> order(scores.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [scores](std::int32_t a, std::int32_t b) {
    return scores[static_cast<std::size_t>(a)] > scores[static_cast<std::size_t>(b)];
  });
  order.resize(std::min(count, order.size()));
  return order;
}

}  // namespace valence
