#include <cmath>
#include <limits>
#include <numeric>

#include "unit/kernels/on_each_isa.h"
#include "valence/kernels/encoder_kernels.h"
#include "valence/kernels/packed_weights.h"
#include "valence/kernels/reference.h"

namespace valence::kernels {
namespace {

constexpr std::int64_t kStagingAlignment = 16;  // floats: 64 bytes

/// Rows quantised for a table, with room for the granularity it asks for.
struct Quantized {
  AlignedBuffer<std::byte> values;
  AlignedBuffer<float> scales;
  AlignedBuffer<std::int32_t> sums;
  Operand operand;

  Quantized(const EncoderKernels& kernels, std::int64_t rows, std::int64_t width)
      : values(static_cast<std::size_t>(kernels.operand_bytes(rows + kernels.row_granularity, width))),
        scales(static_cast<std::size_t>(rows + kernels.row_granularity)),
        sums(static_cast<std::size_t>(rows + kernels.row_granularity)),
        operand{values.data(), scales.data(), sums.data()} {}
};

PackedWeights pack(const EncoderKernels& kernels, LinearShape shape, const std::vector<float>& weight,
                   std::span<const float> scales, std::span<const float> bias) {
  return PackedWeights::pack(kernels, {.shape = shape,
                                       .rows =
                                           [&](std::int64_t o, std::span<float> row) {
                                             std::copy_n(weight.begin() + o * shape.in_features, shape.in_features,
                                                         row.begin());
                                           },
                                       .scales = scales,
                                       .bias = bias});
}

/// x [rows, in_features] through quantize and product, in calls of `rows_a_call` rows and `panels_a_call` panels.
std::vector<float> product(const EncoderKernels& kernels, const PackedWeights& weights, const std::vector<float>& x,
                           Activation activation = Activation::kNone, std::int64_t rows_a_call = 0,
                           std::int64_t panels_a_call = 0) {
  kernels.prepare_thread();
  const std::int64_t width = weights.in_features();
  const std::int64_t outputs = weights.out_features();
  const std::int64_t rows = static_cast<std::int64_t>(x.size()) / width;
  const Quantized quantized(kernels, rows, width);
  kernels.quantize({.f32 = {x.data(), rows, width},
                    .staging = {},
                    .width = width,
                    .out = quantized.operand,
                    .first_row = 0,
                    .rows = rows});
  const std::int64_t stride = (outputs + kStagingAlignment - 1) / kStagingAlignment * kStagingAlignment;
  AlignedBuffer<std::byte> staged(
      static_cast<std::size_t>((rows + kernels.row_granularity) * stride * kernels.staging_element_bytes));
  const std::int64_t row_step = rows_a_call == 0 ? rows : rows_a_call;
  const std::int64_t panel_step = panels_a_call == 0 ? weights.panels() : panels_a_call;
  for (std::int64_t row = 0; row < rows; row += row_step) {
    for (std::int64_t panel = 0; panel < weights.panels(); panel += panel_step) {
      kernels.product({.weights = weights.view(),
                       .x = quantized.operand,
                       .first_row = row,
                       .rows = std::min(row_step, rows - row),
                       .first_panel = panel,
                       .panels = std::min(panel_step, weights.panels() - panel),
                       .out = {staged.data() + row * stride * kernels.staging_element_bytes, stride},
                       .activation = activation});
    }
  }
  std::vector<float> out(static_cast<std::size_t>(rows * outputs));
  kernels.to_f32({staged.data(), stride}, {out.data(), rows, outputs}, outputs);
  return out;
}

/// Whole numbers in [-127, 127], each row holding a 127, so that they are their own quantised values.
std::vector<float> whole_numbers(std::int64_t rows, std::int64_t width, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(static_cast<std::size_t>(rows * width));
  for (float& v : values) v = static_cast<float>(static_cast<int>(random() % 255) - 127);
  for (std::int64_t r = 0; r < rows; ++r) values[static_cast<std::size_t>(r * width + r % width)] = 127;
  return values;
}

class Int8 : public OnEachIsa {
 protected:
  void SetUp() override {
    if (kernels().staging_element_bytes != 4) GTEST_SKIP() << "16-bit staging hides the last bits: see amx_test.cpp";
  }
  [[nodiscard]] static const EncoderKernels& kernels() { return *table().int8; }
};
VALENCE_ON_EACH_ISA(Int8);

// 16-bit or saturating products would differ here: all operands reach +-127, whose pairs leave 16 bits.
TEST_P(Int8, SumsOfWholeNumbersAreExact) {
  for (const std::int64_t in_features : {1, 3, 4, 30, 64, 65, 384, 768}) {
    for (const std::int64_t out_features : {1, 23, 48, 50, 97}) {
      const auto weight = whole_numbers(out_features, in_features, 3);
      const std::vector<float> ones(static_cast<std::size_t>(out_features), 1.0F);
      const auto packed = pack(kernels(), {in_features, out_features}, weight, ones, {});
      for (const std::int64_t rows : {1, 2, 3, 7, 8, 9, 17}) {
        const auto x = whole_numbers(rows, in_features, 5);
        const auto out = product(kernels(), packed, x);
        for (std::int64_t r = 0; r < rows; ++r) {
          for (std::int64_t o = 0; o < out_features; ++o) {
            double sum = 0;
            for (std::int64_t k = 0; k < in_features; ++k) {
              sum += double{x[static_cast<std::size_t>(r * in_features + k)]} *
                     double{weight[static_cast<std::size_t>(o * in_features + k)]};
            }
            ASSERT_LT(std::abs(sum), 0x1p24);  // f32 holds it
            ASSERT_EQ(out[static_cast<std::size_t>(r * out_features + o)], static_cast<float>(sum))
                << rows << " x " << in_features << " -> " << out_features << ", row " << r << " output " << o;
          }
        }
      }
    }
  }
}

TEST_P(Int8, ExtremesDoNotSaturate) {
  constexpr std::int64_t kDepth = 1024;
  const std::vector<float> weight(kDepth, -127.0F), x(kDepth, 127.0F), ones(1, 1.0F);
  const auto packed = pack(kernels(), {kDepth, 1}, weight, ones, {});
  EXPECT_EQ(product(kernels(), packed, x)[0], -127.0F * 127.0F * kDepth);
}

// A value is off by at most half a step of its row or column, 1/254 of the greatest: the bound sums both over the depth
// as independent errors, six standard deviations of them (each uniform: step / sqrt 12).
TEST_P(Int8, ProductIsNearTheReference) {
  constexpr LinearShape kShape{384, 100};
  const auto weight = random_floats(kShape.in_features * kShape.out_features, 0.06F, 11);
  const auto bias = random_floats(kShape.out_features, 0.5F, 12);
  const auto packed = pack(kernels(), kShape, weight, {}, bias);
  const auto x = random_floats(20 * kShape.in_features);
  for (const Activation activation : {Activation::kNone, Activation::kGelu, Activation::kRelu, Activation::kTanh}) {
    std::vector<double> expected(static_cast<std::size_t>(20 * kShape.out_features));
    reference::linear(rows_of(x, kShape.in_features), {kShape, weight, bias}, {.activation = activation},
                      rows_of(expected, kShape.out_features));
    const double step = 0.06 / 127 / std::sqrt(12.0) * std::sqrt(1.0 / 3) * std::sqrt(2.0 * 384);
    EXPECT_TRUE(near_all(product(kernels(), packed, x, activation), expected, 6 * step + 5e-4));
  }
}

TEST_P(Int8, DivisionIntoCallsDoesNotChangeABit) {
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

/// Weights that pass values on: what comes out is what quantize kept of them.
std::vector<float> kept_by_quantize(const EncoderKernels& kernels, const std::vector<float>& x, std::int64_t width) {
  std::vector<float> identity(static_cast<std::size_t>(width * width));
  for (std::int64_t i = 0; i < width; ++i) identity[static_cast<std::size_t>(i * width + i)] = 1.0F;
  return product(kernels, pack(kernels, {width, width}, identity, {}, {}), x);
}

TEST_P(Int8, RowsAreRoundedToTheNearestOf255Steps) {
  constexpr std::int64_t kWidth = 70;
  for (const float spread : {1e-30F, 1e-3F, 1.0F, 1e6F, 1e30F}) {
    const auto x = random_floats(9 * kWidth, spread);
    const auto kept = kept_by_quantize(kernels(), x, kWidth);
    for (std::size_t row = 0; row < 9; ++row) {
      float greatest = 0;
      for (std::size_t i = row * kWidth; i < (row + 1) * kWidth; ++i) greatest = std::max(greatest, std::abs(x[i]));
      for (std::size_t i = row * kWidth; i < (row + 1) * kWidth; ++i) {
        EXPECT_NEAR(kept[i], x[i], greatest / 254 * 1.01) << "spread " << spread;
      }
    }
  }
}

TEST_P(Int8, RowOfZerosOrOfVanishingValuesGivesZeros) {
  std::vector<float> x(2 * 48, 0.0F);
  std::fill(x.begin() + 48, x.end(), 1e-40F);
  for (const float v : kept_by_quantize(kernels(), x, 48)) EXPECT_EQ(v, 0.0F);
}

TEST_P(Int8, WhatIsNoNumberShowsInItsRowAndInNoOther) {
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

TEST_P(Int8, WeightThatIsNoNumberShows) {
  std::vector<float> weight = random_floats(3 * 16);
  weight[20] = std::numeric_limits<float>::quiet_NaN();
  const auto out = product(kernels(), pack(kernels(), {16, 3}, weight, {}, {}), random_floats(16));
  EXPECT_TRUE(std::isfinite(out[0]));
  EXPECT_FALSE(std::isfinite(out[1]));
  EXPECT_TRUE(std::isfinite(out[2]));
}

TEST_P(Int8, AddNormGivesHiddenStatesAndTheirOperand) {
  for (const std::int64_t width : {8, 48, 100, 384}) {
    constexpr std::int64_t kRows = 5;
    auto hidden = random_floats(kRows * width, 2.0F, 1);
    const auto weight = random_floats(width, 1.0F, 2), bias = random_floats(width, 1.0F, 3);
    const LayerNormWeights norm{weight.data(), bias.data(), 1e-12F};
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
    kernels().add_norm({.hidden = rows_of(hidden, width),
                        .addend = {staged.data(), stride},
                        .width = width,
                        .norm = norm,
                        .out = quantized.operand,
                        .first_row = 0});
    const double slack = kernels().staging_element_bytes == 4 ? 1e-4 : 5e-2;
    EXPECT_TRUE(near_all(hidden, expected, slack)) << width;
  }
}

/// Attention over f32 staging.
std::vector<float> attend(const EncoderKernels& kernels, AttentionShape shape, const std::vector<float>& qkv,
                          const std::vector<std::int32_t>& cu_seqlens, AttentionQueries queries,
                          std::int64_t first_head, std::int64_t heads) {
  kernels.prepare_thread();
  const std::int64_t hidden = shape.num_heads * shape.head_dim;
  const auto sequences = static_cast<std::int64_t>(cu_seqlens.size()) - 1;
  std::int64_t longest = 0;
  for (std::int64_t i = 0; i < sequences; ++i) {
    longest = std::max<std::int64_t>(
        longest, cu_seqlens[static_cast<std::size_t>(i + 1)] - cu_seqlens[static_cast<std::size_t>(i)]);
  }
  AlignedBuffer<std::byte> scratch(static_cast<std::size_t>(kernels.attention_scratch_bytes(longest, shape.head_dim)));
  const bool all = queries == AttentionQueries::kAll;
  std::vector<float> q;  // with kFirstOfEach: rows of their own
  if (!all) {
    for (std::int64_t i = 0; i < sequences; ++i) {
      const auto* row = qkv.data() + cu_seqlens[static_cast<std::size_t>(i)] * 3 * hidden;
      q.insert(q.end(), row, row + hidden);
    }
  }
  auto* data = reinterpret_cast<std::byte*>(const_cast<float*>(qkv.data()));
  const auto column = [&](std::int64_t index) {
    return Staging{data + index * hidden * static_cast<std::int64_t>(sizeof(float)), 3 * hidden};
  };
  std::vector<float> out(static_cast<std::size_t>((all ? cu_seqlens.back() : sequences) * hidden), -7.0F);
  kernels.attention({.q = all ? column(0) : Staging{reinterpret_cast<std::byte*>(q.data()), hidden},
                     .k = column(1),
                     .v = column(2),
                     .out = {reinterpret_cast<std::byte*>(out.data()), hidden},
                     .cu_seqlens = cu_seqlens.data(),
                     .first_sequence = 0,
                     .sequences = sequences,
                     .first_token = 0,
                     .first_head = first_head,
                     .heads = heads,
                     .head_dim = shape.head_dim,
                     .scale = 1.0F / std::sqrt(static_cast<float>(shape.head_dim)),
                     .queries = queries,
                     .scratch = scratch.data()});
  return out;
}

class Int8Attention : public Int8 {};
VALENCE_ON_EACH_ISA(Int8Attention);

const std::vector<std::int32_t> kSequences{0, 1, 3, 20, 36, 53, 120, 320};

// Scores are off by 2^-13 of the greatest product of 64 terms, weights by 2^-16 and 1e-4 of themselves.
TEST_P(Int8Attention, IsNearTheReference) {
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

TEST_P(Int8Attention, FirstOfEachGivesTheFirstRows) {
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

TEST_P(Int8Attention, HeadsMayBeDividedOverCalls) {
  const AttentionShape shape{3, 16};
  const auto qkv = random_floats(kSequences.back() * 3 * 48, 2.0F);
  const auto whole = attend(kernels(), shape, qkv, kSequences, AttentionQueries::kAll, 0, 3);
  const auto part = attend(kernels(), shape, qkv, kSequences, AttentionQueries::kAll, 1, 1);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    EXPECT_EQ(part[i], i % 48 / 16 == 1 ? whole[i] : -7.0F);
  }
}

// Scores of +-1e6: all weight on one key, the others' underflow.
TEST_P(Int8Attention, SoftmaxOfFarScoresIsTheGreatest) {
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

TEST_P(Int8Attention, WhatIsNoNumberShowsInItsSequenceAndInNoOther) {
  const AttentionShape shape{1, 16};
  auto qkv = random_floats(30 * 48);
  const auto untouched = attend(kernels(), shape, qkv, {0, 10, 20, 30}, AttentionQueries::kAll, 0, 1);
  for (const std::size_t part : {0, 16, 32}) {
    auto bad = qkv;
    bad[15 * 48 + part + 3] = std::numeric_limits<float>::quiet_NaN();
    const auto out = attend(kernels(), shape, bad, {0, 10, 20, 30}, AttentionQueries::kAll, 0, 1);
    for (std::size_t token = 0; token < 30; ++token) {
      if (token == 15) EXPECT_FALSE(std::isfinite(out[token * 16])) << "in column " << part;
      if (token < 10 || token >= 20) EXPECT_EQ(out[token * 16], untouched[token * 16]);
    }
  }
}

}  // namespace
}  // namespace valence::kernels
