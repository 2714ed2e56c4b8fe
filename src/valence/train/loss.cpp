#include "valence/train/loss.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace valence::train {
namespace {

/// How much of the truth class c is.
double share_of(const Target& target, std::size_t c) {
  if (!target.values.empty()) return target.values[c];
  return c == static_cast<std::size_t>(target.label) ? 1.0 : 0.0;
}

double weight_of(const Target& target, const LossOptions& options) {
  if (options.class_weights.empty()) return 1.0;
  if (target.values.empty()) return options.class_weights[static_cast<std::size_t>(target.label)];
  double weight = 0;
  for (std::size_t c = 0; c < target.values.size(); ++c) weight += options.class_weights[c] * share_of(target, c);
  return weight;
}

/// Calls `of` with each class that the text was labelled among.
template <class Function>
void for_each_choice(const Target& target, std::size_t classes, const Function& of) {
  if (target.choices.empty()) {
    for (std::size_t c = 0; c < classes; ++c) of(c);
  } else {
    for (const std::int32_t c : target.choices) of(static_cast<std::size_t>(c));
  }
}

/// Cross-entropy of one text against (1 - smoothing) of its truth and an equal share of smoothing for all its choices.
/// With weights, torch weighs each class's term by its own weight, and divides by the weights of the true classes.
double cross_entropy(std::span<const float> logits, const Target& target, const LossOptions& options, double scale,
                     std::span<float> d_logits) {
  double greatest = -std::numeric_limits<double>::infinity();
  for_each_choice(target, logits.size(), [&](std::size_t c) { greatest = std::max<double>(greatest, logits[c]); });
  double sum = 0;
  for_each_choice(target, logits.size(), [&](std::size_t c) { sum += std::exp(logits[c] - greatest); });
  const double log_sum = greatest + std::log(sum);
  const double smoothing = options.label_smoothing;
  const auto choices = static_cast<double>(target.choices.empty() ? logits.size() : target.choices.size());
  double loss = 0;
  double total = 0;  // of the weights of all terms
  std::ranges::fill(d_logits, 0.0F);
  for_each_choice(target, logits.size(), [&](std::size_t c) {
    const double weight = options.class_weights.empty() ? 1.0 : options.class_weights[c];
    const double share = (1.0 - smoothing) * share_of(target, c) + smoothing / choices;
    loss += weight * share * (log_sum - logits[c]);
    total += weight * share;
    d_logits[c] = static_cast<float>(-weight * share * scale);
  });
  for_each_choice(target, logits.size(), [&](std::size_t c) {
    d_logits[c] += static_cast<float>(total * scale * std::exp(logits[c] - log_sum));
  });
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
