#include "valence/data/balance.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace valence::data {
namespace {

using Numbers = std::vector<std::uint32_t>;
const Numbers kLabels = {0, 0, 1, 0, 0, 2, 2, 0};  // 5, 1, 2

std::size_t rows_of(const Numbers& chosen, std::uint32_t label) {
  return static_cast<std::size_t>(
      std::count_if(chosen.begin(), chosen.end(), [&](std::uint32_t row) { return kLabels[row] == label; }));
}

TEST(Oversampled, RareLabelsReachTheTargetEvenly) {
  const Numbers chosen = oversampled(kLabels, 5, 0);
  ASSERT_EQ(chosen.size(), 15U);
  for (std::uint32_t label = 0; label < 3; ++label) EXPECT_EQ(rows_of(chosen, label), 5U);
  for (std::uint32_t row = 0; row < kLabels.size(); ++row) EXPECT_EQ(chosen[row], row) << "the originals come first";
  const auto fives = std::count(chosen.begin(), chosen.end(), 5U);
  EXPECT_TRUE(fives == 2 || fives == 3) << fives;
}

TEST(Undersampled, FrequentLabelsAreCutAndOrderIsKept) {
  const Numbers chosen = undersampled(kLabels, 2, 0);
  EXPECT_EQ(rows_of(chosen, 0), 2U);
  EXPECT_EQ(rows_of(chosen, 1), 1U);
  EXPECT_EQ(rows_of(chosen, 2), 2U);
  EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
  EXPECT_EQ(chosen, undersampled(kLabels, 2, 0));
}

TEST(BalancedWeights, AreRowsOverLabelsTimesRows) {
  // By hand: 8 / (3 * 5), 8 / (3 * 1), 8 / (3 * 2).
  const auto weights = balanced_weights(std::vector<std::uint64_t>{5, 1, 2});
  EXPECT_DOUBLE_EQ(weights[0], 8.0 / 15);
  EXPECT_DOUBLE_EQ(weights[1], 8.0 / 3);
  EXPECT_DOUBLE_EQ(weights[2], 4.0 / 3);
}

}  // namespace
}  // namespace valence::data
