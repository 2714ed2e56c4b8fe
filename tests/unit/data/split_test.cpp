#include "valence/data/split.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <numeric>

namespace valence::data {
namespace {

using Numbers = std::vector<std::uint32_t>;
constexpr std::array<double, 3> kShares = {0.8, 0.1, 0.1};

Numbers own_groups(std::size_t rows) {
  Numbers groups(rows);
  std::iota(groups.begin(), groups.end(), std::uint32_t{0});
  return groups;
}

TEST(AssignParts, EveryLabelIsCutByTheShares) {
  Numbers labels(1000);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = i % 10 == 0 ? 1 : 0;  // 900 and 100
  const Numbers parts = assign_parts(labels, own_groups(1000), kShares, 0);
  std::array<std::array<int, 2>, 3> counts{};
  for (std::size_t i = 0; i < labels.size(); ++i) ++counts.at(parts[i]).at(labels[i]);
  EXPECT_EQ(counts, (std::array<std::array<int, 2>, 3>{{{720, 80}, {90, 10}, {90, 10}}}));
}

TEST(AssignParts, GroupsStayTogether) {
  Numbers labels(600);
  Numbers groups(600);
  for (std::size_t i = 0; i < labels.size(); ++i) {
    labels[i] = static_cast<std::uint32_t>(i % 3);
    groups[i] = static_cast<std::uint32_t>(i / 4);
  }
  const Numbers parts = assign_parts(labels, groups, kShares, 1);
  for (std::size_t i = 0; i < parts.size(); ++i) EXPECT_EQ(parts[i], parts[i / 4 * 4]);
  EXPECT_NEAR(static_cast<double>(std::count(parts.begin(), parts.end(), 0U)), 480, 4);
}

TEST(AssignParts, SeedDecidesAndNothingElse) {
  const Numbers labels(100, 0);
  const Numbers first = assign_parts(labels, own_groups(100), kShares, 3);
  EXPECT_EQ(assign_parts(labels, own_groups(100), kShares, 3), first);
  EXPECT_NE(assign_parts(labels, own_groups(100), kShares, 4), first);
}

TEST(AssignParts, AnOnlyRowGoesToTheLargestPart) {
  EXPECT_EQ(assign_parts(Numbers{0}, Numbers{0}, kShares, 9), Numbers{0});
  EXPECT_TRUE(assign_parts(Numbers{}, Numbers{}, kShares, 9).empty());
}

}  // namespace
}  // namespace valence::data
