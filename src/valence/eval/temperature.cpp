#include "valence/eval/temperature.h"

#include <algorithm>
#include <cmath>
#include <functional>

#include "valence/base/check.h"

namespace valence::eval {
namespace {

constexpr int kMaxSteps = 200;
constexpr double kEnough = 1e-12;  // of 1 / temperature, relative

/// The mean loss as a function of beta = 1 / temperature, with two derivatives.
struct Loss {
  double value = 0;
  double slope = 0;
  double curvature = 0;
};

/// log(1 + exp(x)) without overflow.
double softplus(double x) { return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x))); }

/// loss = log sum exp(beta z) - beta z_truth; its slope is E[z] - z_truth and its curvature Var[z] under the softmax.
void add_softmax_row(Loss& sum, std::span<const float> logits, std::int32_t truth, double beta) {
  const double highest = *std::ranges::max_element(logits);
  double weights = 0;
  double first = 0;
  double second = 0;
  for (const float logit : logits) {
    const double z = logit - highest;
    const double weight = std::exp(beta * z);
    weights += weight;
    first += weight * z;
    second += weight * z * z;
  }
  const double mean = first / weights;
  const double truth_z = logits[static_cast<std::size_t>(truth)] - highest;
  sum.value += std::log(weights) - beta * truth_z;
  sum.slope += mean - truth_z;
  sum.curvature += std::max(0.0, second / weights - mean * mean);
}

void add_bit(Loss& sum, double logit, bool is_true, double beta) {
  const double p = 1 / (1 + std::exp(-beta * logit));
  sum.value += softplus(is_true ? -beta * logit : beta * logit);
  sum.slope += (p - (is_true ? 1 : 0)) * logit;
  sum.curvature += p * (1 - p) * logit * logit;
}

/// The root of the slope, which rises with beta.
TemperatureFit minimise(const std::function<Loss(double)>& loss_at) {
  TemperatureFit fit;
  fit.loss_before = loss_at(1).value;
  double low = 1 / kHighestTemperature;
  double high = 1 / kLowestTemperature;
  double beta = 1;
  if (loss_at(low).slope >= 0 || loss_at(high).slope <= 0) {
    beta = loss_at(low).slope >= 0 ? low : high;
    fit.at_limit = true;
  } else {
    for (int step = 0; step < kMaxSteps; ++step) {
      const Loss loss = loss_at(beta);
      if (loss.slope == 0) break;
      (loss.slope > 0 ? high : low) = beta;
      const double newton = beta - loss.slope / loss.curvature;
      const bool is_inside = newton > low && newton < high;  // false for a curvature of zero too
      const double next = is_inside ? newton : (low + high) / 2;
      const double moved = std::abs(next - beta);
      beta = next;
      if (moved <= kEnough * beta) break;
    }
  }
  fit.temperature = 1 / beta;
  fit.loss_after = loss_at(beta).value;
  return fit;
}

}  // namespace

double softmax_loss(std::span<const float> logits, std::int32_t truth, double temperature) {
  Loss loss;
  add_softmax_row(loss, logits, truth, 1 / temperature);
  return loss.value;
}

double sigmoid_loss(std::span<const float> logits, std::span<const std::uint8_t> truth, double temperature) {
  Loss loss;
  for (std::size_t i = 0; i < logits.size(); ++i) add_bit(loss, logits[i], truth[i] != 0, 1 / temperature);
  return loss.value;
}

TemperatureFit fit_softmax_temperature(std::span<const float> logits, std::span<const std::int32_t> truth,
                                       std::size_t num_labels) {
  VALENCE_ASSERT(!truth.empty() && logits.size() == truth.size() * num_labels, "logits of every row");
  return minimise([&](double beta) {
    Loss sum;
    for (std::size_t row = 0; row < truth.size(); ++row) {
      add_softmax_row(sum, logits.subspan(row * num_labels, num_labels), truth[row], beta);
    }
    const auto rows = static_cast<double>(truth.size());
    return Loss{sum.value / rows, sum.slope / rows, sum.curvature / rows};
  });
}

TemperatureFit fit_sigmoid_temperature(std::span<const float> logits, std::span<const std::uint8_t> truth) {
  VALENCE_ASSERT(!truth.empty() && logits.size() == truth.size(), "a logit a bit");
  return minimise([&](double beta) {
    Loss sum;
    for (std::size_t i = 0; i < truth.size(); ++i) add_bit(sum, logits[i], truth[i] != 0, beta);
    const auto bits = static_cast<double>(truth.size());
    return Loss{sum.value / bits, sum.slope / bits, sum.curvature / bits};
  });
}

}  // namespace valence::eval
