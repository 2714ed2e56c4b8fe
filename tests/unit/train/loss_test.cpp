#include "valence/train/loss.h"

#include <gtest/gtest.h>

#include <cmath>

namespace valence::train {
namespace {

constexpr double kRounding = 1e-6;

// torch.nn.functional.cross_entropy(tensor([[1., 2., -1.]]), tensor([1])) = log(e^1 + e^2 + e^-1) - 2, by hand.
TEST(Loss, CrossEntropyIsTheLogOfTheTrueClass) {
  const std::vector<float> logits = {1, 2, -1};
  const Target target{.label = 1};
  const Target* const targets[] = {&target};
  std::vector<float> gradient(3);
  const LossSum sum = loss(logits, targets, 3, {}, 1.0, gradient);
  const double all = std::exp(1.0) + std::exp(2.0) + std::exp(-1.0);
  EXPECT_NEAR(sum.loss, std::log(all) - 2.0, kRounding);
  EXPECT_NEAR(gradient[0], std::exp(1.0) / all, kRounding);
  EXPECT_NEAR(gradient[1], std::exp(2.0) / all - 1.0, kRounding);
  EXPECT_NEAR(gradient[2], std::exp(-1.0) / all, kRounding);
}

// torch.nn.CrossEntropyLoss(weight=tensor([1., 3.]), label_smoothing=0.2)(tensor([[0.5, -0.5], [2., 1.]]), tensor([1,
// 0])), torch 2.15: 1.0632616 (sum of the weighted terms over the sum of the weights of the true classes, 4).
TEST(Loss, WeightsAndSmoothingAreThoseOfTorch) {
  const std::vector<float> logits = {0.5F, -0.5F, 2.0F, 1.0F};
  const Target first{.label = 1};
  const Target second{.label = 0};
  const Target* const targets[] = {&first, &second};
  const std::vector<float> weights = {1, 3};
  std::vector<float> gradient(4);
  const LossSum sum = loss(logits, targets, 2, {.label_smoothing = 0.2, .class_weights = weights}, 4.0, gradient);
  EXPECT_NEAR(sum.weight, 4.0, kRounding);
  EXPECT_NEAR(sum.loss / sum.weight, 1.0632616, kRounding);
}

TEST(Loss, GradientsAreTheSlopeOfEveryLoss) {
  const std::vector<float> weights = {0.5F, 2.0F, 1.0F};
  const Target single{.label = 2, .values = {}};
  const Target several{.label = 0, .values = {1.0F, 0.0F, 1.0F}};
  const Target number{.label = 0, .values = {0.3F, -2.0F, 1.5F}};
  const struct {
    const Target* target;
    LossOptions options;
  } cases[] = {{&single, {ProblemType::kSingleLabel, 0.1, weights}},
               {&several, {ProblemType::kMultiLabel}},
               {&number, {ProblemType::kRegression}}};
  for (const auto& [target, options] : cases) {
    const Target* const targets[] = {target};
    std::vector<float> logits = {0.7F, -1.2F, 0.1F};
    std::vector<float> gradient(3);
    std::vector<float> unused(3);
    constexpr double kTotal = 2.5;
    loss(logits, targets, 3, options, kTotal, gradient);
    for (std::size_t i = 0; i < 3; ++i) {
      constexpr float kStep = 1e-2F;
      const float before = logits[i];
      logits[i] = before + kStep;
      const double above = loss(logits, targets, 3, options, kTotal, unused).loss;
      const double up = logits[i];
      logits[i] = before - kStep;
      const double below = loss(logits, targets, 3, options, kTotal, unused).loss;
      EXPECT_NEAR(gradient[i], (above - below) / (up - logits[i]) / kTotal, 2e-5);
      logits[i] = before;
    }
  }
}

TEST(Loss, HugeLogitsStayNumbers) {
  const std::vector<float> logits = {1e6F, -1e6F};
  const Target target{.label = 1};
  const Target* const targets[] = {&target};
  std::vector<float> gradient(2);
  EXPECT_NEAR(loss(logits, targets, 2, {}, 1.0, gradient).loss, 2e6, 1.0);
  const Target both{.label = 0, .values = {0.0F, 1.0F}};
  const Target* const of_both[] = {&both};
  EXPECT_NEAR(loss(logits, of_both, 2, {ProblemType::kMultiLabel}, 1.0, gradient).loss, 2e6, 1.0);
}

}  // namespace
}  // namespace valence::train
