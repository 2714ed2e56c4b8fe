// What every EncoderKernels table keeps to, whatever it computes in.
#include <cmath>
#include <limits>

#include "unit/kernels/encoder_calls.h"

namespace valence::kernels {
namespace {

class EncoderKernelsTest : public OnEachTable {};
VALENCE_ON_EACH_TABLE(EncoderKernelsTest, encoder_tables());

TEST_P(EncoderKernelsTest, DivisionIntoCallsDoesNotChangeABit) {
  constexpr LinearShape kShape{130, 200};
  const auto packed = pack(kernels(), kShape, random_floats(kShape.in_features * kShape.out_features, 0.06F, 1), {},
                           random_floats(kShape.out_features));
  const std::int64_t rows = 3 * 64 + 5;
  const auto x = random_floats(rows * kShape.in_features);
  const auto whole = product(kernels(), packed, x, Activation::kGelu);
  for (const std::int64_t row_step : {64, 128}) {
    for (const std::int64_t panel_step : {1, 2}) {
      EXPECT_EQ(whole, product(kernels(), packed, x, Activation::kGelu, row_step, panel_step));
    }
  }
}

TEST_P(EncoderKernelsTest, RowOfZerosOrOfVanishingValuesGivesZeros) {
  std::vector<float> x(2 * 48, 0.0F);
  std::fill(x.begin() + 48, x.end(), 1e-40F);
  for (const float v : kept_by_quantize(kernels(), x, 48)) EXPECT_EQ(v, 0.0F);
}

TEST_P(EncoderKernelsTest, WhatIsNoNumberShowsInItsRowAndInNoOther) {
  constexpr std::int64_t kWidth = 100;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                          -std::numeric_limits<float>::infinity()}) {
    for (const std::size_t place : {0, 50, 99}) {
      auto x = random_floats(5 * kWidth);
      const auto untouched = kept_by_quantize(kernels(), x, kWidth);
      x[2 * kWidth + place] = bad;
      const auto kept = kept_by_quantize(kernels(), x, kWidth);
      for (std::size_t i = 0; i < kept.size(); ++i) {
        if (i / kWidth == 2) {
          EXPECT_FALSE(std::isfinite(kept[i])) << i;
        } else {
          EXPECT_EQ(kept[i], untouched[i]) << i;
        }
      }
    }
  }
}

TEST_P(EncoderKernelsTest, WeightThatIsNoNumberShows) {
  std::vector<float> weight = random_floats(3 * 16);
  weight[20] = std::numeric_limits<float>::quiet_NaN();
  const auto out = product(kernels(), pack(kernels(), {16, 3}, weight, {}, {}), random_floats(16));
  EXPECT_TRUE(std::isfinite(out[0]));
  EXPECT_FALSE(std::isfinite(out[1]));
  EXPECT_TRUE(std::isfinite(out[2]));
}

TEST_P(EncoderKernelsTest, AddNormGivesHiddenStatesAndTheirOperand) {
  for (const std::int64_t width : {8, 48, 100, 384}) {
    constexpr std::int64_t kRows = 5;
    auto hidden = random_floats(kRows * width, 2.0F, 1);
    const auto weight = random_floats(width, 1.0F, 2), bias = random_floats(width, 1.0F, 3);
    const LayerNormWeights norm{weight.data(), bias.data(), 1e-12F,
                                width == 48 ? NormKind::kRmsNorm : NormKind::kLayerNorm};
    // The addend is a product: the identity of a quantised matrix.
    const auto addend = random_floats(kRows * width, 1.0F, 4);
    std::vector<float> identity(static_cast<std::size_t>(width * width));
    for (std::int64_t i = 0; i < width; ++i) identity[static_cast<std::size_t>(i * width + i)] = 1.0F;
    const auto packed = pack(kernels(), {width, width}, identity, {}, {});
    const auto kept = product(kernels(), packed, addend);
    std::vector<double> expected(hidden.size());
    reference::add_layer_norm(rows_of(hidden, width), rows_of(kept, width), width, norm, rows_of(expected, width));

    const std::int64_t stride = (width + kStagingAlignment - 1) / kStagingAlignment * kStagingAlignment;
    AlignedBuffer<std::byte> staged(static_cast<std::size_t>(kRows * stride * kernels().staging_element_bytes));
    const Quantized quantized(kernels(), kRows, width);
    kernels().quantize({.f32 = {addend.data(), kRows, width},
                        .staging = {},
                        .width = width,
                        .out = quantized.operand,
                        .first_row = 0,
                        .rows = kRows});
    kernels().product({.weights = packed.view(),
                       .x = quantized.operand,
                       .first_row = 0,
                       .rows = kRows,
                       .first_panel = 0,
                       .panels = packed.panels(),
                       .out = {staged.data(), stride}});
    auto summed = hidden;
    AddNormCall call{.hidden = rows_of(hidden, width),
                     .addend = {staged.data(), stride},
                     .width = width,
                     .norm = norm,
                     .out = quantized.operand,
                     .first_row = 0};
    kernels().add_norm(call);
    const double slack = kernels().staging_element_bytes == 4 ? 1e-4 : 5e-2;
    EXPECT_TRUE(near_all(hidden, expected, slack)) << width;

    // As pre-norm models have it: the sum stays.
    std::vector<double> sum(summed.begin(), summed.end());
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += kept[i];
    std::vector<float> normed(static_cast<std::size_t>(kNormRows * width));
    call.hidden = rows_of(summed, width);
    call.normed = normed.data();
    kernels().add_norm(call);
    EXPECT_TRUE(near_all(summed, sum, slack)) << width;
  }
}

// Close to the end of the range a format may give up, but not silently.
TEST_P(EncoderKernelsTest, RowOfTheGreatestFloatsIsKeptOrShows) {
  constexpr std::int64_t kWidth = 70;
  const std::vector<float> x(kWidth, std::numeric_limits<float>::max());
  for (const float kept : kept_by_quantize(kernels(), x, kWidth)) {
    if (std::isfinite(kept)) {
      EXPECT_NEAR(kept / x[0], 1.0F, 0.01F);
    }
  }
}

class EncoderAttentionTest : public OnEachTable {
 protected:
  void SetUp() override {
    if (kernels().staging_element_bytes != 4) GTEST_SKIP() << "its projections are not staged as f32";
  }
};
VALENCE_ON_EACH_TABLE(EncoderAttentionTest, encoder_tables());

const std::vector<std::int32_t> kSequences{0, 1, 3, 20, 36, 53, 120, 320};

// Scores are off by 2^-13 of the greatest product of 64 terms, weights by 2^-16 and 1e-4 of themselves.
TEST_P(EncoderAttentionTest, IsNearTheReference) {
  for (const std::int64_t head_dim : {1, 5, 16, 32, 64, 80}) {
    const AttentionShape shape{3, head_dim};
    const std::int64_t hidden = shape.num_heads * head_dim;
    const auto qkv = random_floats(kSequences.back() * 3 * hidden, 2.0F);
    std::vector<double> expected(static_cast<std::size_t>(kSequences.back() * hidden));
    reference::self_attention(shape, packed_qkv(qkv.data(), shape), kSequences, AttentionQueries::kAll,
                              rows_of(expected, hidden));
    EXPECT_TRUE(near_all(attend(kernels(), shape, qkv, kSequences, AttentionQueries::kAll, 0, 3), expected, 4e-3))
        << head_dim;
  }
}

TEST_P(EncoderAttentionTest, FirstOfEachGivesTheFirstRows) {
  const AttentionShape shape{2, 32};
  const auto qkv = random_floats(kSequences.back() * 3 * 64, 2.0F);
  std::vector<double> expected((kSequences.size() - 1) * 64);
  std::vector<double> all(static_cast<std::size_t>(kSequences.back() * 64));
  reference::self_attention(shape, packed_qkv(qkv.data(), shape), kSequences, AttentionQueries::kAll, rows_of(all, 64));
  for (std::size_t i = 0; i + 1 < kSequences.size(); ++i) {
    std::copy_n(all.begin() + kSequences[i] * 64, 64, expected.begin() + static_cast<std::ptrdiff_t>(i * 64));
  }
  EXPECT_TRUE(
      near_all(attend(kernels(), shape, qkv, kSequences, AttentionQueries::kFirstOfEach, 0, 2), expected, 4e-3));
}

// Equal shares of many keys all round the same way: 32767 / 500 is 65.5.
TEST_P(EncoderAttentionTest, EqualScoresGiveTheMean) {
  const AttentionShape shape{1, 16};
  for (const std::int32_t keys : {3, 500, 508, 2000}) {
    std::vector<float> qkv(static_cast<std::size_t>(keys) * 48, 1.0F);
    for (const float value : attend(kernels(), shape, qkv, {0, keys}, AttentionQueries::kAll, 0, 1)) {
      ASSERT_NEAR(value, 1.0F, 1e-4F) << keys;
    }
  }
}

TEST_P(EncoderAttentionTest, HeadsMayBeDividedOverCalls) {
  const AttentionShape shape{3, 16};
  const auto qkv = random_floats(kSequences.back() * 3 * 48, 2.0F);
  const auto whole = attend(kernels(), shape, qkv, kSequences, AttentionQueries::kAll, 0, 3);
  const auto part = attend(kernels(), shape, qkv, kSequences, AttentionQueries::kAll, 1, 1);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_EQ(part[i], i % 48 / 16 == 1 ? whole[i] : -7.0F);
  }
}

// Scores of +-1e6: all weight on one key, the others' underflow.
TEST_P(EncoderAttentionTest, SoftmaxOfFarScoresIsTheGreatest) {
  const AttentionShape shape{1, 16};
  std::vector<float> qkv(8 * 48);
  for (std::size_t token = 0; token < 8; ++token) {
    qkv[token * 48] = 2000.0F;                               // q
    qkv[token * 48 + 16] = token == 5 ? 2000.0F : -2000.0F;  // k
    qkv[token * 48 + 32] = static_cast<float>(token);        // v
  }
  const auto out = attend(kernels(), shape, qkv, {0, 8}, AttentionQueries::kAll, 0, 1);
  for (std::size_t token = 0; token < 8; ++token) EXPECT_NEAR(out[token * 16], 5.0F, 1e-3);
}

TEST_P(EncoderAttentionTest, WhatIsNoNumberShowsInItsSequenceAndInNoOther) {
  const AttentionShape shape{1, 16};
  auto qkv = random_floats(30 * 48);
  const auto untouched = attend(kernels(), shape, qkv, {0, 10, 20, 30}, AttentionQueries::kAll, 0, 1);
  for (const std::size_t part : {0, 16, 32}) {
    auto bad = qkv;
    bad[15 * 48 + part + 3] = std::numeric_limits<float>::quiet_NaN();
    const auto out = attend(kernels(), shape, bad, {0, 10, 20, 30}, AttentionQueries::kAll, 0, 1);
    for (std::size_t token = 0; token < 30; ++token) {
      if (token == 15) {
        EXPECT_FALSE(std::isfinite(out[token * 16])) << "in column " << part;
      }
      if (token < 10 || token >= 20) {
        EXPECT_EQ(out[token * 16], untouched[token * 16]);
      }
    }
  }
}

TEST_P(EncoderAttentionTest, GreatestValuesAreKeptOrShow) {
  const AttentionShape shape{1, 16};
  std::vector<float> qkv(8 * 48, 1.0F);
  for (std::size_t token = 0; token < 8; ++token) {
    std::fill_n(qkv.begin() + static_cast<std::ptrdiff_t>(token * 48 + 32), 16, std::numeric_limits<float>::max());
  }
  for (const float value : attend(kernels(), shape, qkv, {0, 8}, AttentionQueries::kAll, 0, 1)) {
    if (std::isfinite(value)) {
      EXPECT_NEAR(value / qkv[32], 1.0F, 0.01F);
    }
  }
}

}  // namespace
}  // namespace valence::kernels
