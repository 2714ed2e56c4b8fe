#include "valence/train/loss.h"

#include <algorithm>
#include <cmath>

namespace valence::train {
namespace {

double weight_of(const Target& target, const LossOptions& options) {
  return options.class_weights.empty() ? 1.0 : options.class_weights[static_cast<std::size_t>(target.label)];
}

/// Cross-entropy of one text against (1 - smoothing) of its class and an equal share of smoothing for all. With
/// weights, torch weighs each class's term by its own weight, and divides by the weights of the true classes.
double cross_entropy(std::span<const float> logits, const Target& target, const LossOptions& options, double scale,
                     std::span<float> d_logits) {
  const double greatest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - greatest);
  const double log_sum = greatest + std::log(sum);
  const double smoothing = options.label_smoothing;
  const auto classes = static_cast<double>(logits.size());
  double loss = 0;
  double total = 0;  // of the weights of all terms
  for (std::size_t c = 0; c < logits.size(); ++c) {
    const double weight = options.class_weights.empty() ? 1.0 : options.class_weights[c];
    const bool is_truth = c == static_cast<std::size_t>(target.label);
    const double share = (is_truth ? 1.0 - smoothing : 0.0) + smoothing / classes;
    loss += weight * share * (log_sum - logits[c]);
    total += weight * share;
    d_logits[c] = static_cast<float>(-weight * share * scale);
  }
  for (std::size_t c = 0; c < logits.size(); ++c) {
    d_logits[c] += static_cast<float>(total * scale * std::exp(logits[c] - log_sum));
  }
  return loss;
}

double binary_cross_entropy(std::span<const float> logits, const Target& target, double scale,
                            std::span<float> d_logits) {
  double loss = 0;
  for (std::size_t c = 0; c < logits.size(); ++c) {
    const double x = logits[c];
    const double y = target.values[c];
    loss += std::max(x, 0.0) - x * y + std::log1p(std::exp(-std::abs(x)));
    d_logits[c] = static_cast<float>((1.0 / (1.0 + std::exp(-x)) - y) * scale);
  }
  return loss;
}

double squared_error(std::span<const float> logits, const Target& target, double scale, std::span<float> d_logits) {
  double loss = 0;
  for (std::size_t c = 0; c < logits.size(); ++c) {
    const double difference = static_cast<double>(logits[c]) - target.values[c];
    loss += difference * difference;
    d_logits[c] = static_cast<float>(2.0 * difference * scale);
  }
  return loss;
}

}  // namespace

double loss_weight(std::span<const Target* const> targets, std::int64_t num_labels, const LossOptions& options) {
  if (options.problem_type != ProblemType::kSingleLabel) {
    return static_cast<double>(targets.size()) * static_cast<double>(num_labels);
  }
  double weight = 0;
  for (const Target* target : targets) weight += weight_of(*target, options);
  return weight;
}

LossSum loss(std::span<const float> logits, std::span<const Target* const> targets, std::int64_t num_labels,
             const LossOptions& options, double total_weight, std::span<float> d_logits) {
  LossSum sum;
  sum.weight = loss_weight(targets, num_labels, options);
  const double scale = 1.0 / total_weight;
  const auto labels = static_cast<std::size_t>(num_labels);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    const auto own = logits.subspan(i * labels, labels);
    const auto gradient = d_logits.subspan(i * labels, labels);
    switch (options.problem_type) {
      case ProblemType::kSingleLabel:
        sum.loss += cross_entropy(own, *targets[i], options, scale, gradient);
        break;
      case ProblemType::kMultiLabel:
        sum.loss += binary_cross_entropy(own, *targets[i], scale, gradient);
        break;
      case ProblemType::kRegression:
        sum.loss += squared_error(own, *targets[i], scale, gradient);
        break;
    }
  }
  return sum;
}

}  // namespace valence::train
