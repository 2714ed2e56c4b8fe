#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "valence/base/check.h"
#include "valence/eval/metrics.h"

namespace valence::eval {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

double mean_of(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

bool is_constant(std::span<const double> values) {
  return std::ranges::all_of(values, [&](double value) { return value == values.front(); });
}

double pearson_correlation(std::span<const double> x, std::span<const double> y) {
  if (x.size() < 2 || is_constant(x) || is_constant(y)) return kNan;
  const double mean_x = mean_of(x);
  const double mean_y = mean_of(y);
  double products = 0;
  double squares_x = 0;
  double squares_y = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double dx = x[i] - mean_x;
    const double dy = y[i] - mean_y;
    products += dx * dy;
    squares_x += dx * dx;
    squares_y += dy * dy;
  }
  // Rounding may carry a perfect correlation past one.
  return std::clamp(products / (std::sqrt(squares_x) * std::sqrt(squares_y)), -1.0, 1.0);
}

/// From 1; equal values share the mean of the ranks they take up.
std::vector<double> ranks_of(std::span<const double> values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, {}, [&](std::size_t i) { return values[i]; });
  std::vector<double> ranks(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    const double shared = static_cast<double>(begin + 1 + end) / 2;
    for (std::size_t i = begin; i < end; ++i) ranks[order[i]] = shared;
    begin = end;
  }
  return ranks;
}

}  // namespace

RegressionMetrics regression_metrics(std::span<const double> truth, std::span<const double> predicted) {
  VALENCE_ASSERT(truth.size() == predicted.size(), "a prediction a row");
  RegressionMetrics metrics;
  metrics.rows = truth.size();
  if (truth.empty()) {
    metrics.mean_squared_error = metrics.mean_absolute_error = metrics.r2 = metrics.pearson = metrics.spearman = kNan;
    return metrics;
  }
  const double mean = mean_of(truth);
  double squared = 0;
  double absolute = 0;
  double spread = 0;
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const double error = truth[i] - predicted[i];
    squared += error * error;
    absolute += std::abs(error);
    spread += (truth[i] - mean) * (truth[i] - mean);
  }
  const auto rows = static_cast<double>(truth.size());
  metrics.mean_squared_error = squared / rows;
  metrics.mean_absolute_error = absolute / rows;
  if (truth.size() < 2) {
    metrics.r2 = kNan;
  } else if (is_constant(truth)) {
    metrics.r2 = squared == 0 ? 1 : 0;
  } else {
    metrics.r2 = 1 - squared / spread;
  }
  metrics.pearson = pearson_correlation(truth, predicted);
  metrics.spearman = pearson_correlation(ranks_of(truth), ranks_of(predicted));
  return metrics;
}

}  // namespace valence::eval
