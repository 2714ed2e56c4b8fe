#include "valence/base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <vector>

namespace valence {
namespace {

TEST(Random, StateComesFromSplitMix64) {
  // SplitMix64 from 0 begins E220A8397B1DCDAF, 6E789E6AA1B965F4, 06C45D188009454F, F88BB8A8724C81EC (the first outputs
  // its authors publish). xoshiro256** gives rotl(s1 * 5, 7) * 9 first.
  const std::uint64_t product = 0x6E789E6AA1B965F4U * 5;
  EXPECT_EQ(Random(0).next(), ((product << 7U) | (product >> 57U)) * 9);
}

TEST(Random, EqualSeedsGiveEqualNumbersAndOthersDiffer) {
  Random a(7);
  Random b(7);
  Random c(8);
  const std::uint64_t first = a.next();
  EXPECT_EQ(first, b.next());
  EXPECT_NE(first, c.next());
}

TEST(Random, BelowReachesEveryValueAndNoOther) {
  Random random(1);
  std::array<int, 5> seen{};
  for (int i = 0; i < 5000; ++i) ++seen.at(random.below(5));
  for (const int count : seen) EXPECT_NEAR(count, 1000, 150);
}

TEST(Random, ShuffleKeepsTheElements) {
  std::vector<int> items(100);
  std::iota(items.begin(), items.end(), 0);
  Random(3).shuffle(std::span(items));
  EXPECT_FALSE(std::is_sorted(items.begin(), items.end()));
  std::sort(items.begin(), items.end());
  EXPECT_EQ(items.front(), 0);
  EXPECT_EQ(items.back(), 99);
}

}  // namespace
}  // namespace valence
