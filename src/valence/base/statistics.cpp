#include "valence/base/statistics.h"

#include <algorithm>
#include <cmath>

namespace valence {
namespace {

// The normal quantile at 0.975: 95 % lie between the two.
constexpr double kZ = 1.959963984540054;

/// 2 * P(X <= smaller) for X ~ Binomial(n, 1/2), at most 1. n < kExactMcNemarBelow, so every term is exact.
double two_sided_binomial(std::uint64_t smaller, std::uint64_t n) {
  double ways = 1;  // n over k
  double sum = 0;
  for (std::uint64_t k = 0; k <= smaller; ++k) {
    sum += ways;
    ways = ways * static_cast<double>(n - k) / static_cast<double>(k + 1);
  }
  return std::min(1.0, 2 * std::ldexp(sum, -static_cast<int>(n)));
}

}  // namespace

Interval wilson_interval(std::uint64_t hits, std::uint64_t trials) {
  if (trials == 0) return {0, 1};
  const auto n = static_cast<double>(trials);
  const double share = static_cast<double>(hits) / n;
  const double denominator = 1 + kZ * kZ / n;
  const double centre = (share + kZ * kZ / (2 * n)) / denominator;
  const double half = kZ / denominator * std::sqrt(share * (1 - share) / n + kZ * kZ / (4 * n * n));
  // At 0 and 1 the ends are exact; rounding would put them a hair outside.
  return {hits == 0 ? 0 : centre - half, hits == trials ? 1 : centre + half};
}

Interval paired_difference_interval(const PairedCounts& counts) {
  if (counts.rows() == 0) return {-1, 1};
  const double n = static_cast<double>(counts.rows()) + 2;
  const double first = (static_cast<double>(counts.only_first_right) + 1) / n;
  const double second = (static_cast<double>(counts.only_second_right) + 1) / n;
  const double difference = first - second;
  const double half = kZ * std::sqrt((first + second - difference * difference) / n);
  return {std::max(-1.0, difference - half), std::min(1.0, difference + half)};
}

McNemar mcnemar_test(const PairedCounts& counts) {
  const std::uint64_t b = counts.only_first_right;
  const std::uint64_t c = counts.only_second_right;
  const std::uint64_t smaller = std::min(b, c);
  if (b + c < kExactMcNemarBelow) {
    return {.is_exact = true,
            .statistic = static_cast<double>(smaller),
            .p_value = b + c == 0 ? 1 : two_sided_binomial(smaller, b + c)};
  }
  const double apart = std::max(0.0, static_cast<double>(std::max(b, c) - smaller) - 1);
  const double chi_squared = apart * apart / static_cast<double>(b + c);
  // With one degree of freedom chi-squared is the square of a normal variable.
  return {.is_exact = false, .statistic = chi_squared, .p_value = std::erfc(std::sqrt(chi_squared / 2))};
}

}  // namespace valence
