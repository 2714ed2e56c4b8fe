#include "valence/train/label_space.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace valence::train {
namespace {

using Labels = std::vector<std::string>;

TEST(LabelSpace, WordsStandInOrderAndNumbersByValue) {
  EXPECT_EQ(label_space(Labels{"pos", "neg", "pos"}, std::nullopt)->labels, (Labels{"neg", "pos"}));
  EXPECT_EQ(label_space(Labels{"10", "9", "1"}, std::nullopt)->labels, (Labels{"1", "9", "10"}));
}

TEST(LabelSpace, OneLabelIsNothingToTellApart) {
  const auto head = label_space(Labels{"pos", "pos"}, std::nullopt);
  ASSERT_FALSE(head.has_value());
  EXPECT_NE(head.error().to_string().find("holds one label only, \"pos\""), std::string::npos);
}

TEST(LabelSpace, QuantitiesAreRefusedUntilSomebodySaysWhatTheyAre) {
  const Labels fractions{"0.5", "1", "1.5"};
  EXPECT_FALSE(label_space(fractions, std::nullopt).has_value());
  EXPECT_EQ(label_space(fractions, ProblemType::kSingleLabel)->labels, fractions);
  EXPECT_EQ(label_space(fractions, ProblemType::kRegression)->labels, (Labels{"LABEL_0"}));
  Labels stars;
  for (int i = 0; i < 21; ++i) stars.push_back(std::to_string(i));
  EXPECT_FALSE(label_space(stars, std::nullopt).has_value());
  stars.pop_back();
  EXPECT_TRUE(label_space(stars, std::nullopt).has_value());
}

TEST(LabelSpace, SeveralLabelsAreJoinedByABar) {
  const auto head = label_space(Labels{"b|a", "a", "c|b"}, ProblemType::kMultiLabel);
  ASSERT_TRUE(head.has_value());
  EXPECT_EQ(head->labels, (Labels{"a", "b", "c"}));
  EXPECT_EQ(target_of("c|a", *head)->values, (std::vector<float>{1, 0, 1}));
  EXPECT_FALSE(target_of("c|d", *head).has_value());
}

TEST(HeldOut, TakesTheShareOfEachLabelAndNeverTheOnlyOne) {
  const HeadRequest head{{"a", "b", "c"}, ProblemType::kSingleLabel};
  std::vector<Target> targets;
  for (int i = 0; i < 100; ++i) targets.push_back({.label = 0, .values = {}});
  for (int i = 0; i < 10; ++i) targets.push_back({.label = 1, .values = {}});
  targets.push_back({.label = 2, .values = {}});
  const auto out = held_out(targets, head, 0.2, 7);
  EXPECT_EQ(std::count(out.begin(), out.begin() + 100, true), 20);
  EXPECT_EQ(std::count(out.begin() + 100, out.begin() + 110, true), 2);
  EXPECT_FALSE(out.back());
  EXPECT_EQ(out, held_out(targets, head, 0.2, 7));
  EXPECT_NE(out, held_out(targets, head, 0.2, 8));
}

}  // namespace
}  // namespace valence::train
