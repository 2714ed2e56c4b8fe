#include "valence/eval/abstention.h"

#include <cmath>
#include <limits>

#include "valence/eval/descending_scores.h"

namespace valence::eval {
namespace {

constexpr int kMaxTerms = 10'000;
constexpr int kBisections = 60;  // of [0, 1]: more than a double resolves

/// log of the beta function.
double log_beta(double a, double b) { return std::lgamma(a) + std::lgamma(b) - std::lgamma(a + b); }

/// The continued fraction of the incomplete beta function by Lentz's method. Source: NIST Digital Library of
/// Mathematical Functions, 8.17.22. Converges fast for x < (a + 1) / (a + b + 2).
double beta_fraction(double a, double b, double x) {
  constexpr double kTiny = 1e-300;
  const auto away_from_zero = [](double value) { return std::abs(value) < kTiny ? kTiny : value; };
  double c = 1;
  double d = 1 / away_from_zero(1 - (a + b) * x / (a + 1));
  double fraction = d;
  for (int m = 1; m < kMaxTerms; ++m) {
    const double even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away_from_zero(1 + even * d);
    c = away_from_zero(1 + even / c);
    fraction *= d * c;
    const double odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away_from_zero(1 + odd * d);
    c = away_from_zero(1 + odd / c);
    const double change = d * c;
    fraction *= change;
    if (std::abs(change - 1) < std::numeric_limits<double>::epsilon()) break;
  }
  return fraction;
}

/// The regularised incomplete beta function I_x(a, b).
double incomplete_beta(double a, double b, double x) {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  const double front = std::exp(a * std::log(x) + b * std::log1p(-x) - log_beta(a, b));
  return x < (a + 1) / (a + b + 2) ? front * beta_fraction(a, b, x) / a : 1 - front * beta_fraction(b, a, 1 - x) / b;
}

/// P(X <= errors) of `trials` that each fail with probability `rate`; errors < trials.
double binomial_cdf(std::uint64_t errors, std::uint64_t trials, double rate) {
  const auto k = static_cast<double>(errors);
  return 1 - incomplete_beta(k + 1, static_cast<double>(trials) - k, rate);
}

}  // namespace

double error_upper_bound(std::uint64_t errors, std::uint64_t trials, double confidence) {
  if (errors >= trials) return 1;
  double low = 0;
  double high = 1;
  for (int i = 0; i < kBisections; ++i) {
    const double middle = (low + high) / 2;
    (binomial_cdf(errors, trials, middle) > 1 - confidence ? low : high) = middle;
  }
  return (low + high) / 2;
}

std::optional<Abstention> fit_abstention(std::span<const float> confidence_of_answer,
                                         std::span<const std::uint8_t> is_right, double target_error,
                                         double confidence) {
  std::optional<Abstention> best;
  for (const ScoreCut& cut : cuts_of(confidence_of_answer, is_right)) {
    const std::uint64_t errors = cut.rows - cut.marked;
    // The same as bound <= target_error, without looking for the bound at every row.
    if (errors >= cut.rows || binomial_cdf(errors, cut.rows, target_error) > 1 - confidence) continue;
    best = {.threshold = cut.threshold,
            .target_error = target_error,
            .error_bound = 0,
            .rows = is_right.size(),
            .answered = cut.rows,
            .errors = errors};
  }
  if (best) best->error_bound = error_upper_bound(best->errors, best->answered, confidence);
  return best;
}

}  // namespace valence::eval
