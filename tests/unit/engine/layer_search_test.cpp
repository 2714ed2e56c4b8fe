#include "valence/engine/layer_search.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace valence {
namespace {

/// Every kept layer brings its own number of rows.
MeasureKept additive(std::vector<std::uint64_t> gain, int& measured) {
  return [gain = std::move(gain), &measured](const std::vector<std::int64_t>& kept) -> Result<LayerScore> {
    ++measured;
    EXPECT_TRUE(std::ranges::is_sorted(kept));
    LayerScore score{.right = 80, .logit_error = 0.1};
    for (const std::int64_t layer : kept) {
      score.right += gain[static_cast<std::size_t>(layer)];
      score.logit_error -= 0.01 * static_cast<double>(layer);
    }
    return score;
  };
}

TEST(LayerSearch, NothingIsMeasuredWhenInt8IsGoodEnough) {
  int measured = 0;
  const auto search = search_layers(3, {.right = 95}, 95, additive({1, 2, 3}, measured)).value();
  EXPECT_TRUE(search.kept.empty());
  EXPECT_TRUE(search.steps.empty());
  EXPECT_EQ(measured, 0);
}

TEST(LayerSearch, TheLayerThatRecoversMostIsKeptFirst) {
  int measured = 0;
  const auto search = search_layers(4, {.right = 80}, 95, additive({2, 10, 1, 6}, measured)).value();
  EXPECT_EQ(search.kept, (std::vector<std::int64_t>{1, 3}));
  ASSERT_EQ(search.steps.size(), 2U);
  EXPECT_EQ(search.steps[0].chosen.layer, 1);
  EXPECT_EQ(search.steps[0].trials.size(), 4U);
  EXPECT_EQ(search.steps[1].chosen.layer, 3);
  EXPECT_EQ(search.steps[1].trials.size(), 3U);
  EXPECT_EQ(search.score.right, 96U);
  EXPECT_EQ(measured, 7);
}

TEST(LayerSearch, OfEqualGainsTheSmallerLogitErrorDecides) {
  int measured = 0;
  const auto search = search_layers(3, {.right = 80}, 85, additive({5, 5, 5}, measured)).value();
  EXPECT_EQ(search.kept, (std::vector<std::int64_t>{2}));
}

TEST(LayerSearch, ItEndsWithEveryLayerKept) {
  int measured = 0;
  const auto search = search_layers(2, {.right = 80}, 95, additive({1, 1}, measured)).value();
  EXPECT_EQ(search.kept, (std::vector<std::int64_t>{0, 1}));
  EXPECT_LT(search.score.right, 95U);
}

TEST(LayerSearch, AMeasurementThatFailsEndsIt) {
  const auto stopped = [](const auto&) -> Result<LayerScore> { return fail(ErrorCode::kCancelled, "", "stopped"); };
  const auto search = search_layers(2, {.right = 80}, 95, stopped);
  ASSERT_FALSE(search);
  EXPECT_EQ(search.error().code(), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace valence
