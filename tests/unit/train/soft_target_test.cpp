#include "valence/train/soft_target.h"

#include <gtest/gtest.h>

#include <cmath>

namespace valence::train {
namespace {

constexpr double kRounding = 1e-6;
const HeadRequest kThree{{"negative", "neutral", "positive"}, ProblemType::kSingleLabel};

TEST(Choices, AreLabelIdsInOrder) {
  Target target{.label = 2};
  ASSERT_TRUE(choose_among(target, "positive|negative", kThree));
  EXPECT_EQ(target.choices, (std::vector<std::int32_t>{0, 2}));
}

TEST(Choices, OfAllLabelsOrNoneWrittenAreNoChoice) {
  Target target{.label = 2};
  ASSERT_TRUE(choose_among(target, "", kThree));
  EXPECT_TRUE(target.choices.empty());
  ASSERT_TRUE(choose_among(target, "negative|neutral|positive", kThree));
  EXPECT_TRUE(target.choices.empty());
}

TEST(Choices, WithoutTheRowsOwnLabelOrWithAStrangerAreRefused) {
  for (const char* choices : {"negative|neutral", "positive", "positive|glad", "|positive"}) {
    Target target{.label = 2};
    const auto refused = choose_among(target, choices, kThree);
    ASSERT_FALSE(refused) << choices;
    EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidData);
  }
}

// By hand: over {negative, positive} the teacher's 0.3 and 0.1 are 0.75 and 0.25; half of that and half of "positive".
TEST(Teacher, IsMixedWithTheLabelOverTheChoices) {
  for (const char* scores : {R"([{"label": "negative", "score": 0.3}, {"label": "neutral", "score": 0.6},
                                 {"label": "positive", "score": 0.1}])",
                             R"({"positive": 0.1, "negative": 0.3, "neutral": 0.6})"}) {
    Target target{.label = 2, .values = {}, .choices = {0, 2}};
    ASSERT_TRUE(learn_from_scores(target, scores, 0.5, kThree));
    ASSERT_EQ(target.values.size(), 3U);
    EXPECT_NEAR(target.values[0], 0.375, kRounding);
    EXPECT_EQ(target.values[1], 0.0F);
    EXPECT_NEAR(target.values[2], 0.625, kRounding);
  }
}

TEST(Teacher, WithoutScoresChangesNothing) {
  Target target{.label = 1};
  ASSERT_TRUE(learn_from_scores(target, "", 0.5, kThree));
  EXPECT_TRUE(target.values.empty());
}

TEST(Teacher, ScoresThatMakeNoSenseAreRefused) {
  for (const char* scores : {"0.3", "{\"glad\": 1}", "{\"negative\": -1}", "{\"neutral\": 1}", "[{\"label\": 1}]",
                             "{\"negative\": \"1\"}", "{"}) {
    Target target{.label = 2, .values = {}, .choices = {0, 2}};
    EXPECT_FALSE(learn_from_scores(target, scores, 0.5, kThree)) << scores;
    EXPECT_TRUE(target.values.empty()) << scores;
  }
}

// torch.nn.functional.cross_entropy(tensor([[1., 2.]]), tensor([[0.375, 0.625]])) is log(e + e^2) - 0.375 - 1.25, by
// hand; the neutral logit, which the row says nothing of, takes no part and gets no gradient.
TEST(SoftTarget, LossIsTheCrossEntropyOverTheChoices) {
  const std::vector<float> logits = {1, 9, 2};
  const Target target{.label = 2, .values = {0.375F, 0, 0.625F}, .choices = {0, 2}};
  const Target* const targets[] = {&target};
  std::vector<float> gradient(3, 7.0F);
  const LossSum sum = loss(logits, targets, 3, {}, 1.0, gradient);
  const double all = std::exp(1.0) + std::exp(2.0);
  EXPECT_NEAR(sum.loss, std::log(all) - 1.625, kRounding);
  EXPECT_NEAR(gradient[0], std::exp(1.0) / all - 0.375, kRounding);
  EXPECT_EQ(gradient[1], 0.0F);
  EXPECT_NEAR(gradient[2], std::exp(2.0) / all - 0.625, kRounding);
}

// Smoothing 0.2 over two choices: 0.1 to each, by hand.
TEST(SoftTarget, SmoothingIsSharedAmongTheChoices) {
  const std::vector<float> logits = {1, 9, 2};
  const Target target{.label = 2, .values = {}, .choices = {0, 2}};
  const Target* const targets[] = {&target};
  std::vector<float> gradient(3);
  const LossSum sum = loss(logits, targets, 3, {.label_smoothing = 0.2}, 1.0, gradient);
  EXPECT_NEAR(sum.loss, std::log(std::exp(1.0) + std::exp(2.0)) - 0.9 * 2.0 - 0.1 * 1.0, kRounding);
}

}  // namespace
}  // namespace valence::train
