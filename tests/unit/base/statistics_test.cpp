#include "valence/base/statistics.h"

#include <gtest/gtest.h>

namespace valence {
namespace {

constexpr double kTolerance = 1e-12;

// Expectations were computed from the papers' formulas with Python's math and fractions; 81 of 263 is also the example
// of R. G. Newcombe, "Two-sided confidence intervals for the single proportion", Stat. Med. 17 (1998): 0.2553, 0.3662.
TEST(Statistics, WilsonIntervalAgreesWithThePublishedExample) {
  const Interval interval = wilson_interval(81, 263);
  EXPECT_NEAR(interval.low, 0.2552885198782742, kTolerance);
  EXPECT_NEAR(interval.high, 0.36620957698280004, kTolerance);
}

TEST(Statistics, WilsonIntervalStaysInsideZeroAndOne) {
  EXPECT_EQ(wilson_interval(0, 10).low, 0);
  EXPECT_NEAR(wilson_interval(0, 10).high, 0.2775327998628892, kTolerance);
  EXPECT_EQ(wilson_interval(10, 10).high, 1);
  EXPECT_NEAR(wilson_interval(10, 10).low, 1 - 0.2775327998628892, kTolerance);
  EXPECT_EQ(wilson_interval(0, 0).low, 0);
  EXPECT_EQ(wilson_interval(0, 0).high, 1);
}

TEST(Statistics, PairedDifferenceLooksAtDiscordantRows) {
  const Interval some =
      paired_difference_interval({.both_right = 20, .only_first_right = 12, .only_second_right = 2, .both_wrong = 2});
  EXPECT_NEAR(some.low, 0.07457402107844588, kTolerance);
  EXPECT_NEAR(some.high, 0.4517417683952384, kTolerance);
  const Interval none =
      paired_difference_interval({.both_right = 90, .only_first_right = 0, .only_second_right = 0, .both_wrong = 10});
  EXPECT_NEAR(none.low, -0.027174584791170155, kTolerance);
  EXPECT_NEAR(none.high, 0.027174584791170155, kTolerance);
}

TEST(Statistics, OneRowSaysNothingAboutTheDifference) {
  const Interval one =
      paired_difference_interval({.both_right = 0, .only_first_right = 1, .only_second_right = 0, .both_wrong = 0});
  EXPECT_NEAR(one.low, -0.7335359280789577, kTolerance);
  EXPECT_EQ(one.high, 1);
  EXPECT_EQ(paired_difference_interval({}).low, -1);
}

McNemar test_of(std::uint64_t only_first, std::uint64_t only_second) {
  return mcnemar_test(
      {.both_right = 100, .only_first_right = only_first, .only_second_right = only_second, .both_wrong = 7});
}

TEST(Statistics, McNemarIsExactForFewDiscordantRows) {
  EXPECT_NEAR(test_of(1, 9).p_value, 0.021484375, kTolerance);
  EXPECT_NEAR(test_of(9, 1).p_value, 0.021484375, kTolerance);
  EXPECT_NEAR(test_of(10, 14).p_value, 0.5412561893463135, kTolerance);
  EXPECT_TRUE(test_of(10, 14).is_exact);
  EXPECT_EQ(test_of(3, 3).p_value, 1);
  EXPECT_EQ(test_of(0, 0).p_value, 1);
}

TEST(Statistics, McNemarIsChiSquaredForMany) {
  EXPECT_FALSE(test_of(121, 59).is_exact);
  EXPECT_NEAR(test_of(121, 59).statistic, 20.67222222222222, 1e-10);
  EXPECT_NEAR(test_of(121, 59).p_value, 5.450094825427123e-06, 1e-15);
  EXPECT_NEAR(test_of(20, 5).p_value, 0.005110260660855864, kTolerance);
  EXPECT_EQ(test_of(12, 13).p_value, 1);
}

}  // namespace
}  // namespace valence
