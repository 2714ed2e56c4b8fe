#include "valence/eval/thresholds.h"

#include <gtest/gtest.h>

#include <vector>

#include "valence/base/random.h"
#include "valence/eval/label_errors.h"

namespace valence::eval {
namespace {

// Scores 0.9 0.8 0.7 0.6 0.5, true at 0.9, 0.7 and 0.6. Cuts after each: precision 1, 1/2, 2/3, 3/4, 3/5; recall 1/3,
// 1/3, 2/3, 1, 1; F1 1/2, 2/5, 2/3, 6/7, 3/4.
const std::vector<float> kScores{0.5F, 0.6F, 0.7F, 0.8F, 0.9F};
const std::vector<std::uint8_t> kTrue{0, 1, 1, 0, 1};

TEST(Thresholds, BestF1LiesHalfWayToTheNextScore) {
  const auto best = threshold_for_best_f1(kScores, kTrue);
  ASSERT_TRUE(best);
  EXPECT_NEAR(best->threshold, 0.55, 1e-6);
  EXPECT_DOUBLE_EQ(best->f1, 6.0 / 7);
  EXPECT_EQ(best->predicted, 4U);
  EXPECT_EQ(best->hits, 3U);
}

TEST(Thresholds, PrecisionTargetTakesTheMostRecall) {
  EXPECT_DOUBLE_EQ(threshold_for_precision(kScores, kTrue, 0.7)->recall, 1);
  EXPECT_DOUBLE_EQ(threshold_for_precision(kScores, kTrue, 0.7)->precision, 0.75);
  EXPECT_DOUBLE_EQ(threshold_for_precision(kScores, kTrue, 0.8)->recall, 1.0 / 3);
  const std::vector<std::uint8_t> top_is_wrong{0, 1, 1, 0, 0};
  EXPECT_FALSE(threshold_for_precision(kScores, top_is_wrong, 0.8));
}

TEST(Thresholds, RecallTargetTakesTheMostPrecision) {
  EXPECT_DOUBLE_EQ(threshold_for_recall(kScores, kTrue, 0.6)->precision, 0.75);
  EXPECT_DOUBLE_EQ(threshold_for_recall(kScores, kTrue, 0.3)->precision, 1);
}

TEST(Thresholds, EqualScoresStandOrFallTogether) {
  const std::vector<float> scores{0.5F, 0.5F, 0.5F};
  const std::vector<std::uint8_t> is_true{1, 0, 0};
  const auto best = threshold_for_best_f1(scores, is_true);
  ASSERT_TRUE(best);
  EXPECT_EQ(best->predicted, 3U);
  EXPECT_DOUBLE_EQ(best->threshold, 0.5);
}

TEST(Thresholds, WithoutARowThatHasTheLabelThereIsNone) {
  const std::vector<std::uint8_t> none(5, 0);
  EXPECT_FALSE(threshold_for_best_f1(kScores, none));
  EXPECT_FALSE(threshold_for_recall(kScores, none, 0.5));
  EXPECT_FALSE(threshold_for_best_f1({}, {}));
}

TEST(LabelSuspects, ConfidentContradictionsComeFirst) {
  // Given 0 0 0 1 1 1. Usual confidence: label 0 (0.9 + 0.8 + 0.1) / 3 = 0.6, label 1 (0.9 + 0.6 + 0.45) / 3 = 0.65.
  const std::vector<float> scores{0.9F, 0.1F, 0.8F, 0.2F, 0.1F, 0.9F, 0.1F, 0.9F, 0.4F, 0.6F, 0.55F, 0.45F};
  const std::vector<std::int32_t> given{0, 0, 0, 1, 1, 1};
  const auto suspects = rank_label_suspects(scores, given, 2);
  ASSERT_EQ(suspects.size(), 6U);
  EXPECT_EQ(suspects[0].row, 2U);
  EXPECT_EQ(suspects[0].suggested, 1);
  EXPECT_TRUE(suspects[0].is_confident);
  EXPECT_NEAR(suspects[0].margin, -0.8, 1e-6);
  // Row 5 is contradicted, but with 0.55 < 0.6.
  EXPECT_EQ(suspects[1].row, 5U);
  EXPECT_FALSE(suspects[1].is_confident);
  EXPECT_EQ(suspects[1].suggested, 0);
  EXPECT_EQ(suspects[2].row, 4U);
  EXPECT_EQ(suspects[2].suggested, 1);
}

TEST(LabelSuspects, FlippedLabelsOfAGoodModelAreFoundEarly) {
  // 1,000 rows, three labels; the model gives the true label 0.5 to 0.99, and every twentieth label is then changed.
  Random random(11);
  std::vector<float> scores;
  std::vector<std::int32_t> given;
  for (std::size_t row = 0; row < 1000; ++row) {
    const auto truth = static_cast<std::int32_t>(random.below(3));
    const float own = 0.5F + 0.01F * static_cast<float>(random.below(50));
    for (std::int32_t label = 0; label < 3; ++label) scores.push_back(label == truth ? own : (1 - own) / 2);
    given.push_back(row % 20 == 0 ? (truth + 1) % 3 : truth);
  }
  const auto suspects = rank_label_suspects(scores, given, 3);
  for (std::size_t place = 0; place < 50; ++place) EXPECT_EQ(suspects[place].row % 20, 0U) << place;
}

}  // namespace
}  // namespace valence::eval
