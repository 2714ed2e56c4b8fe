#include "valence/engine/comparison.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace valence {
namespace {

/// Answers with two labels; `margin` is the logit of label 1 over label 0.
Answers answers(const std::vector<std::pair<std::int32_t, float>>& given) {
  Answers made;
  for (const auto& [label, score] : given) {
    made.labels.push_back({.label_id = label, .score = score});
    made.logits.insert(made.logits.end(), {label == 0 ? score : 0, label == 1 ? score : 0});
  }
  return made;
}

//                                        both right  lost       gained     both wrong  lost
const std::array<std::int32_t, 5> kTruth = {0, 0, 1, 1, 1};
const Answers kFirst = answers({{0, 0.9F}, {0, 0.6F}, {0, 0.7F}, {0, 0.8F}, {1, 0.9F}});
const Answers kSecond = answers({{0, 0.9F}, {1, 0.6F}, {1, 0.7F}, {0, 0.8F}, {0, 0.8F}});

TEST(Comparison, RowsAreCountedByWhoWasRight) {
  const Comparison comparison = compare(kTruth, kFirst, kSecond, 2);
  EXPECT_EQ(comparison.counts.both_right, 1U);
  EXPECT_EQ(comparison.counts.only_first_right, 2U);
  EXPECT_EQ(comparison.counts.only_second_right, 1U);
  EXPECT_EQ(comparison.counts.both_wrong, 1U);
  EXPECT_EQ(comparison.equal_labels, 2U);
  EXPECT_DOUBLE_EQ(comparison.accuracy_loss(), 0.2);
}

TEST(Comparison, ClassesKeepRecallPrecisionAndF1OfBoth) {
  const Comparison comparison = compare(kTruth, kFirst, kSecond, 2);
  const ClassChange& zero = comparison.classes[0];
  EXPECT_EQ(zero.support, 2U);
  EXPECT_DOUBLE_EQ(zero.recall(zero.first), 1.0);
  EXPECT_DOUBLE_EQ(zero.precision(zero.first), 0.5);
  EXPECT_DOUBLE_EQ(zero.f1(zero.first), 2.0 / 3);
  EXPECT_DOUBLE_EQ(zero.recall(zero.second), 0.5);
  EXPECT_DOUBLE_EQ(zero.precision(zero.second), 1.0 / 3);
}

TEST(Comparison, LostRowsOnWhichBothWereSureComeFirst) {
  const Comparison comparison = compare(kTruth, kFirst, kSecond, 2);
  ASSERT_EQ(comparison.flips.size(), 3U);
  EXPECT_EQ(comparison.flips[0].row, 4U);  // lost, 0.9 and 0.8
  EXPECT_EQ(comparison.flips[1].row, 1U);  // lost, 0.6 and 0.6
  EXPECT_EQ(comparison.flips[2].row, 2U);  // gained
}

TEST(Comparison, NoAnswerIsAWrongOneOfNoClass) {
  Answers silent = kFirst;
  silent.labels[0] = {};
  const Comparison comparison = compare(kTruth, kFirst, silent, 2);
  EXPECT_EQ(comparison.counts.only_first_right, 1U);
  EXPECT_EQ(comparison.classes[0].second.predicted, 3U);
}

TEST(Comparison, LogitsAreComparedApartFromTheirRowsMean) {
  Answers shifted = kFirst;
  for (float& logit : shifted.logits) logit += 5;
  EXPECT_NEAR(relative_logit_error(kFirst, shifted, 2), 0, 1e-6);
  for (std::size_t i = 0; i < shifted.logits.size(); ++i) shifted.logits[i] = kFirst.logits[i] * 1.5F;
  EXPECT_NEAR(relative_logit_error(kFirst, shifted, 2), 0.5, 1e-6);
}

TEST(Comparison, AClassThatNobodyPredictsHasZeroesRatherThanNoNumbers) {
  const Comparison comparison = compare(kTruth, kFirst, kSecond, 3);
  const ClassChange& unseen = comparison.classes[2];
  EXPECT_EQ(unseen.recall(unseen.first) + unseen.precision(unseen.first) + unseen.f1(unseen.first), 0);
}

}  // namespace
}  // namespace valence
