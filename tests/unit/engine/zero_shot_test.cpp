#include "valence/engine/zero_shot.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>

namespace valence {
namespace {

// As Python's str.format has it.
TEST(ZeroShot, TemplateTakesTheLabelAtEveryField) {
  EXPECT_EQ(fill_hypothesis("This example is {}.", "a bug").value(), "This example is a bug.");
  EXPECT_EQ(fill_hypothesis("{0} {{{}}} {0}", "x").value(), "x {x} x");
  for (const std::string_view bad : {"no field", "{{}}", "{", "a } {}", "{label}", "{1}"}) {
    EXPECT_FALSE(fill_hypothesis(bad, "x").has_value()) << bad;
  }
}

TEST(ZeroShot, ModelWithoutEntailmentIsRefusedWithItsLabels) {
  const std::array<std::string, 2> labels{"negative", "positive"};
  const auto zero_shot = ZeroShot::make({.labels = {"a"}}, labels);
  ASSERT_FALSE(zero_shot.has_value());
  EXPECT_NE(zero_shot.error().what().find("negative, positive"), std::string::npos);
}

TEST(ZeroShot, ScoresSumToOneOverTheLabelsOrStandAgainstContradiction) {
  const std::array<std::string, 3> labels{"Entailment", "neutral", "contradiction"};
  const std::array<float, 6> logits{1, 9, 0, 3, 9, 2};  // two candidates
  const auto together = ZeroShot::make({.labels = {"a", "b"}}, labels).value().to_prediction(logits);
  EXPECT_NEAR(together.scores[1], 1 / (1 + std::exp(-2.0)), 1e-6);
  EXPECT_EQ(together.label_id, 1);
  const auto alone = ZeroShot::make({.labels = {"a", "b"}, .multi_label = true}, labels).value().to_prediction(logits);
  EXPECT_NEAR(alone.scores[0], 1 / (1 + std::exp(-1.0)), 1e-6);
  EXPECT_NEAR(alone.scores[1], 1 / (1 + std::exp(-1.0)), 1e-6);
}

}  // namespace
}  // namespace valence
