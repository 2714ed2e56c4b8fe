#include "valence/engine/postprocess.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace valence {
namespace {

const std::array<float, 3> kLogits{1.0F, 3.0F, 2.0F};
const std::array<std::int32_t, 3> kAll{0, 1, 2};

TEST(Postprocess, SoftmaxScoresAreThoseOfTheDefinition) {
  const Prediction prediction = to_prediction(kLogits, kAll, ScoreFunction::kSoftmax);
  const double sum = std::exp(1.0) + std::exp(3.0) + std::exp(2.0);
  EXPECT_FLOAT_EQ(prediction.scores[0], static_cast<float>(std::exp(1.0) / sum));
  EXPECT_FLOAT_EQ(prediction.score, static_cast<float>(std::exp(3.0) / sum));
  EXPECT_EQ(prediction.label_id, 1);
}

TEST(Postprocess, SoftmaxOfHugeLogitsDoesNotOverflow) {
  const std::array<float, 2> logits{1e30F, -1e30F};
  const Prediction prediction = to_prediction(logits, std::array<std::int32_t, 2>{0, 1}, ScoreFunction::kSoftmax);
  EXPECT_EQ(prediction.scores[0], 1.0F);
  EXPECT_EQ(prediction.scores[1], 0.0F);
}

TEST(Postprocess, KeptLabelsAreRenormalised) {
  const Prediction prediction = to_prediction(kLogits, std::array<std::int32_t, 2>{0, 2}, ScoreFunction::kSoftmax);
  EXPECT_FLOAT_EQ(prediction.scores[1], static_cast<float>(1.0 / (1.0 + std::exp(-1.0))));
  EXPECT_EQ(prediction.label_id, 1) << "an index into the kept labels";
}

TEST(Postprocess, SigmoidLooksAtEachLabelAlone) {
  const Prediction prediction = to_prediction(kLogits, kAll, ScoreFunction::kSigmoid);
  EXPECT_FLOAT_EQ(prediction.scores[2], static_cast<float>(1.0 / (1.0 + std::exp(-2.0))));
}

TEST(Postprocess, NoFunctionGivesTheLogits) {
  EXPECT_EQ(to_prediction(kLogits, kAll, ScoreFunction::kNone).scores, std::vector<float>({1, 3, 2}));
}

TEST(Postprocess, TemperatureDividesLogitsBeforeTheFunction) {
  const auto softmax = to_prediction(kLogits, kAll, ScoreFunction::kSoftmax, 2);
  const double sum = std::exp(0.5) + std::exp(1.5) + std::exp(1.0);
  EXPECT_FLOAT_EQ(softmax.scores[1], static_cast<float>(std::exp(1.5) / sum));
  const auto sigmoid = to_prediction(kLogits, kAll, ScoreFunction::kSigmoid, 0.5);
  EXPECT_FLOAT_EQ(sigmoid.scores[0], static_cast<float>(1.0 / (1.0 + std::exp(-2.0))));
  EXPECT_EQ(to_prediction(kLogits, kAll, ScoreFunction::kNone, 2).scores, std::vector<float>({1, 3, 2}));
}

TEST(Postprocess, TemperatureOneLeavesEveryBit) {
  const std::array<float, 3> logits{-7.1234567F, 0.3333333F, 11.987654F};
  const Prediction prediction = to_prediction(logits, kAll, ScoreFunction::kSoftmax, 1);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - logits[2]);
  for (std::size_t i = 0; i < logits.size(); ++i) {
    EXPECT_EQ(prediction.scores[i], static_cast<float>(std::exp(static_cast<double>(logits[i]) - logits[2]) / sum));
  }
}

TEST(Postprocess, EqualScoresGoToTheLowestLabel) {
  const std::array<float, 3> logits{0.5F, 2.0F, 2.0F};
  EXPECT_EQ(to_prediction(logits, kAll, ScoreFunction::kSoftmax).label_id, 1);
  EXPECT_EQ(top_labels(logits, 2), (std::vector<std::int32_t>{1, 2}));
}

TEST(Postprocess, MoreLabelsThanThereAreGivesAll) { EXPECT_EQ(top_labels(kLogits, 9).size(), 3U); }

TEST(Postprocess, ModelsFunctionFollowsItsProblemType) {
  EXPECT_EQ(resolve_function(ScoreFunction::kModel, ProblemType::kSingleLabel), ScoreFunction::kSoftmax);
  EXPECT_EQ(resolve_function(ScoreFunction::kModel, ProblemType::kMultiLabel), ScoreFunction::kSigmoid);
  EXPECT_EQ(resolve_function(ScoreFunction::kModel, ProblemType::kRegression), ScoreFunction::kNone);
  EXPECT_EQ(resolve_function(ScoreFunction::kNone, ProblemType::kSingleLabel), ScoreFunction::kNone);
}

}  // namespace
}  // namespace valence
