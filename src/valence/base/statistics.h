/// \file
/// What counts of right and wrong answers allow to say: intervals of a share and of a paired difference, and McNemar's
/// test. All intervals are of 95 %.
#pragma once

#include <cstdint>

namespace valence {

struct Interval {
  double low = 0;
  double high = 0;
};

/// Wilson's score interval of the share `hits / trials`; [0, 1] for no trials. Source: E. B. Wilson, "Probable
/// inference, the law of succession, and statistical inference", JASA 22 (1927).
[[nodiscard]] Interval wilson_interval(std::uint64_t hits, std::uint64_t trials);

/// How two classifiers did on the same rows.
struct PairedCounts {
  std::uint64_t both_right = 0;
  std::uint64_t only_first_right = 0;
  std::uint64_t only_second_right = 0;
  std::uint64_t both_wrong = 0;

  [[nodiscard]] std::uint64_t rows() const { return both_right + only_first_right + only_second_right + both_wrong; }
  [[nodiscard]] std::uint64_t first_right() const { return both_right + only_first_right; }
  [[nodiscard]] std::uint64_t second_right() const { return both_right + only_second_right; }
};

/// Of the first one's accuracy less the second one's, by pairs: only the rows on which they disagree count. [-1, 1] for
/// no rows. The adjusted Wald interval of D. G. Bonett & R. M. Price, "Adjusted Wald confidence interval for a
/// difference of binomial proportions based on paired data", J. Educ. Behav. Stat. 37 (2012): it holds its level from
/// small counts on, and its width is not zero when no row differs.
[[nodiscard]] Interval paired_difference_interval(const PairedCounts& counts);

/// McNemar's test of "both are right equally often".
struct McNemar {
  bool is_exact = true;  ///< the binomial test, for few discordant rows; else chi-squared with continuity correction
  double statistic = 0;  ///< chi-squared, one degree of freedom; of the exact test the smaller discordant count
  double p_value = 1;    ///< two-sided
};

/// Exact below this many rows on which exactly one is right.
inline constexpr std::uint64_t kExactMcNemarBelow = 25;

[[nodiscard]] McNemar mcnemar_test(const PairedCounts& counts);

}  // namespace valence
