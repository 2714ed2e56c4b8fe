#include "valence/train/logistic_regression.h"

#include <algorithm>
#include <cmath>

namespace valence::train {
namespace {

/// The objective and its gradient at `parameters` [classes, width + 1], the last column the bias.
double objective(std::span<const double> x, std::span<const std::int32_t> labels, std::span<const double> row_weights,
                 std::size_t classes, std::span<const double> parameters, std::span<double> gradient) {
  const std::size_t width = x.size() / labels.size();
  const std::size_t stride = width + 1;
  double value = 0;
  std::ranges::fill(gradient, 0.0);
  std::vector<double> logits(classes);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto row = x.subspan(i * width, width);
    for (std::size_t k = 0; k < classes; ++k) {
      double sum = parameters[k * stride + width];
      for (std::size_t c = 0; c < width; ++c) sum += parameters[k * stride + c] * row[c];
      logits[k] = sum;
    }
    const double greatest = *std::ranges::max_element(logits);
    double sum = 0;
    for (const double logit : logits) sum += std::exp(logit - greatest);
    const double log_sum = greatest + std::log(sum);
    value += row_weights[i] * (log_sum - logits[static_cast<std::size_t>(labels[i])]);
    for (std::size_t k = 0; k < classes; ++k) {
      const double truth = k == static_cast<std::size_t>(labels[i]) ? 1.0 : 0.0;
      const double slope = row_weights[i] * (std::exp(logits[k] - log_sum) - truth);
      for (std::size_t c = 0; c < width; ++c) gradient[k * stride + c] += slope * row[c];
      gradient[k * stride + width] += slope;
    }
  }
  for (std::size_t k = 0; k < classes; ++k) {
    for (std::size_t c = 0; c < width; ++c) {
      value += 0.5 * parameters[k * stride + c] * parameters[k * stride + c];
      gradient[k * stride + c] += parameters[k * stride + c];
    }
  }
  return value;
}

double norm_of(std::span<const double> values) {
  double squares = 0;
  for (const double value : values) squares += value * value;
  return std::sqrt(squares);
}

}  // namespace

/// Nesterov's accelerated descent with backtracking and restarts: the objective is convex and smooth.
LinearClassifier fit_logistic_regression(std::span<const double> x, std::span<const std::int32_t> labels,
                                         std::size_t classes, double inverse_regularisation) {
  constexpr int kMaxSteps = 2000;
  constexpr double kTolerance = 1e-6;
  const std::size_t width = x.size() / labels.size();
  const std::size_t stride = width + 1;
  std::vector<double> counts(classes, 0.0);
  for (const std::int32_t label : labels) counts[static_cast<std::size_t>(label)] += 1;
  std::vector<double> row_weights;
  for (const std::int32_t label : labels) {
    row_weights.push_back(inverse_regularisation * static_cast<double>(labels.size()) /
                          (static_cast<double>(classes) * counts[static_cast<std::size_t>(label)]));
  }
  const std::size_t size = classes * stride;
  std::vector<double> now(size, 0.0), ahead(size, 0.0), next(size), gradient(size), unused(size);
  double step = 1.0;
  double momentum = 1.0;
  double first_norm = -1;
  for (int i = 0; i < kMaxSteps; ++i) {
    const double at = objective(x, labels, row_weights, classes, ahead, gradient);
    const double norm = norm_of(gradient);
    if (first_norm < 0) first_norm = norm;
    if (norm <= kTolerance * first_norm) break;
    for (;;) {
      for (std::size_t k = 0; k < size; ++k) next[k] = ahead[k] - step * gradient[k];
      if (objective(x, labels, row_weights, classes, next, unused) <= at - 0.5 * step * norm * norm || step < 1e-12)
        break;
      step *= 0.5;
    }
    double against = 0;  // the momentum points uphill: begin it anew (O'Donoghue and Candes 2015)
    for (std::size_t k = 0; k < size; ++k) against += gradient[k] * (next[k] - now[k]);
    const double following = against > 0 ? 1.0 : 0.5 * (1.0 + std::sqrt(1.0 + 4.0 * momentum * momentum));
    const double carried = against > 0 ? 0.0 : (momentum - 1.0) / following;
    for (std::size_t k = 0; k < size; ++k) {
      ahead[k] = next[k] + carried * (next[k] - now[k]);
      now[k] = next[k];
    }
    momentum = following;
    step *= 1.1;
  }
  LinearClassifier fitted;
  fitted.weights.resize(classes * width);
  fitted.biases.resize(classes);
  for (std::size_t k = 0; k < classes; ++k) {
    for (std::size_t c = 0; c < width; ++c) fitted.weights[k * width + c] = now[k * stride + c];
    fitted.biases[k] = now[k * stride + width];
  }
  return fitted;
}

}  // namespace valence::train
