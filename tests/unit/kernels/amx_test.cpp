#include <cmath>
#include <limits>

#include "unit/kernels/amx_tables.h"
#include "unit/kernels/on_each_isa.h"
#include "valence/kernels/reference.h"

namespace valence::kernels {
namespace {

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr StagingLayout kLayouts[] = {StagingLayout::kRows, StagingLayout::kOwn};

struct ProductOptions {
  Activation activation = Activation::kNone;
  StagingLayout layout = StagingLayout::kRows;
  std::int64_t rows_a_call = 0;  ///< 0: all
  std::int64_t panels_a_call = 0;
};

/// x [rows, in_features] through quantize and product.
std::vector<float> product(const EncoderKernels& kernels, const PackedWeights& weights, const std::vector<float>& x,
                           const ProductOptions& options = {}) {
  const std::int64_t width = weights.in_features();
  const std::int64_t rows = static_cast<std::int64_t>(x.size()) / width;
  const OperandBuffer operand(kernels, rows, width);
  kernels.quantize({.f32 = {x.data(), rows, width},
                    .staging = {},
                    .width = width,
                    .out = operand.operand,
                    .first_row = 0,
                    .rows = rows});
  const StagingBuffer staged(kernels, rows, weights.out_features(), options.layout);
  const std::int64_t row_step = options.rows_a_call == 0 ? rows : options.rows_a_call;
  const std::int64_t panel_step = options.panels_a_call == 0 ? weights.panels() : options.panels_a_call;
  for (std::int64_t row = 0; row < rows; row += row_step) {
    for (std::int64_t panel = 0; panel < weights.panels(); panel += panel_step) {
      kernels.product({.weights = weights.view(),
                       .x = operand.operand,
                       .first_row = row,
                       .rows = std::min(row_step, rows - row),
                       .first_panel = panel,
                       .panels = std::min(panel_step, weights.panels() - panel),
                       .out = staged.from(row),
                       .activation = options.activation});
    }
  }
  return staged.values(kernels, rows, weights.out_features());
}

class AmxProduct : public OnEachAmxTable {};
VALENCE_ON_EACH_AMX_TABLE(AmxProduct);

/// -1, 0 and 1, but for a 127 in each row, which makes int8's scale 1.
std::vector<float> small_integers(std::int64_t rows, std::int64_t width, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(static_cast<std::size_t>(rows * width));
  for (float& v : values) v = static_cast<float>(static_cast<int>(random() % 3) - 1);
  for (std::int64_t r = 0; r < rows; ++r) values[static_cast<std::size_t>(r * width + r % width)] = 127;
  return values;
}

std::vector<double> exact_sums(const std::vector<float>& x, const std::vector<float>& weight, LinearShape shape) {
  const std::int64_t rows = static_cast<std::int64_t>(x.size()) / shape.in_features;
  std::vector<double> sums(static_cast<std::size_t>(rows * shape.out_features));
  reference::linear(rows_of(x, shape.in_features), {shape, weight, {}}, {}, rows_of(sums, shape.out_features));
  return sums;
}

// All sums are below 256: whole numbers that even bf16 holds, so not one may be off.
TEST_P(AmxProduct, SumsOfSmallIntegersAreExactForAllRowCounts) {
  constexpr LinearShape kShape{70, 75};
  auto weight = small_integers(kShape.out_features, kShape.in_features, 3);
  for (float& w : weight) w = std::min(w, 1.0F);
  const std::vector<float> ones(static_cast<std::size_t>(kShape.out_features), 1.0F);
  const auto packed = pack(kernels(), kShape, weight, ones, {});
  for (std::int64_t rows = 1; rows <= 70; ++rows) {
    const auto x = small_integers(rows, kShape.in_features, 5);
    const auto expected = exact_sums(x, weight, kShape);
    for (const StagingLayout layout : kLayouts) {
      EXPECT_TRUE(near_all(product(kernels(), packed, x, {.layout = layout}), expected, 0.0)) << rows << " rows";
    }
  }
}

// 1088 and 1536 deep: chunks of the depth, in all tables.
TEST_P(AmxProduct, SumsOfSmallIntegersAreExactForAllShapes) {
  for (const std::int64_t in_features : {1, 2, 5, 31, 32, 33, 64, 65, 130, 384, 1088, 1536}) {
    for (const std::int64_t out_features : {1, 16, 31, 32, 33, 64, 97}) {
      const LinearShape shape{in_features, out_features};
      auto weight = small_integers(out_features, in_features, 3);
      for (float& w : weight) w = std::min(w, 1.0F);
      const std::vector<float> ones(static_cast<std::size_t>(out_features), 1.0F);
      const auto packed = pack(kernels(), shape, weight, ones, {});
      for (const std::int64_t rows : {3, 40, 65}) {
        const auto x = small_integers(rows, in_features, 5);
        EXPECT_TRUE(near_all(product(kernels(), packed, x), exact_sums(x, weight, shape), 0.0))
            << rows << " x " << in_features << " -> " << out_features;
      }
    }
  }
}

// Sums are compared where they are still 32 bits wide: the bias takes the expected one away.
TEST_P(AmxProduct, ExtremesAreExact) {
  if (!quantized()) GTEST_SKIP() << "sums of 16-bit numbers are rounded";
  constexpr LinearShape kShape{1024, 40};
  std::vector<float> weight(static_cast<std::size_t>(kShape.in_features * kShape.out_features));
  for (std::size_t i = 0; i < weight.size(); ++i) {
    weight[i] = static_cast<float>(i / 1024 % 2 == 0 ? -127 : static_cast<int>(i * 7919 % 255) - 127);
  }
  const std::vector<float> x(2 * 1024, 127.0F);
  const auto sums = exact_sums(x, weight, kShape);
  std::vector<float> bias;
  for (std::int64_t o = 0; o < kShape.out_features; ++o) {
    bias.push_back(static_cast<float>(-sums[static_cast<std::size_t>(o)]));
    ASSERT_EQ(static_cast<double>(bias.back()), -sums[static_cast<std::size_t>(o)]);
  }
  const std::vector<float> ones(40, 1.0F);
  for (const float v : product(kernels(), pack(kernels(), kShape, weight, ones, bias), x)) EXPECT_EQ(v, 0.0F);
}

/// Deviation of a product of uniform values: each is off by at most half a step of its row or column (int8), or by its
/// rounding; six standard deviations of the sum.
double product_tolerance(bool quantized, double unit, double depth, double weight) {
  const double step = quantized ? weight / 127 / std::sqrt(12.0) * std::sqrt(1.0 / 3) : weight * unit / 4;
  return 6 * step * std::sqrt(2 * depth);
}

TEST_P(AmxProduct, IsNearTheReferenceWithEveryActivation) {
  constexpr LinearShape kShape{384, 100};
  const auto weight = random_floats(kShape.in_features * kShape.out_features, 0.06F, 11);
  const auto bias = random_floats(kShape.out_features, 2.5F, 12);
  const auto packed = pack(kernels(), kShape, weight, {}, bias);
  const auto x = random_floats(35 * kShape.in_features);
  for (const Activation activation : {Activation::kNone, Activation::kGelu, Activation::kGeluTanh, Activation::kRelu,
                                      Activation::kSilu, Activation::kTanh}) {
    std::vector<double> expected(static_cast<std::size_t>(35 * kShape.out_features));
    reference::linear(rows_of(x, kShape.in_features), {kShape, weight, bias}, {.activation = activation},
                      rows_of(expected, kShape.out_features));
    for (const StagingLayout layout : kLayouts) {
      // Results are below 4, where neighbours are 4 units apart; gelu is within 2e-3 of it where int8 follows.
      const double tolerance = product_tolerance(quantized(), GetParam().unit, 384, 0.06) + 2 * GetParam().unit + 2e-3;
      EXPECT_TRUE(
          near_all(product(kernels(), packed, x, {.activation = activation, .layout = layout}), expected, tolerance))
          << static_cast<int>(activation);
    }
  }
}

TEST_P(AmxProduct, DivisionIntoCallsDoesNotChangeABit) {
  constexpr LinearShape kShape{1100, 200};  // chunks of the depth, unless a call has one block of rows
  const auto packed = pack(kernels(), kShape, random_floats(kShape.in_features * kShape.out_features, 0.06F, 1), {},
                           random_floats(kShape.out_features));
  const auto x = random_floats((3 * 32 + 5) * kShape.in_features);
  const auto whole = product(kernels(), packed, x, {.activation = Activation::kGelu, .layout = StagingLayout::kOwn});
  for (const std::int64_t row_step : {32, 64}) {
    for (const std::int64_t panel_step : {1, 2, 3}) {
      const ProductOptions options{Activation::kGelu, StagingLayout::kOwn, row_step, panel_step};
      EXPECT_EQ(whole, product(kernels(), packed, x, options)) << row_step << ", " << panel_step;
    }
  }
}

TEST_P(AmxProduct, MoreRowsThanAPassTakes) {
  constexpr LinearShape kShape{64, 32};
  auto weight = small_integers(kShape.out_features, kShape.in_features, 3);
  for (float& w : weight) w = std::min(w, 1.0F);
  const std::vector<float> ones(32, 1.0F);
  const auto x = small_integers(1100, kShape.in_features, 4);
  EXPECT_TRUE(
      near_all(product(kernels(), pack(kernels(), kShape, weight, ones, {}), x), exact_sums(x, weight, kShape), 0.0));
}

TEST_P(AmxProduct, WhatIsNoNumberShowsInItsRowAndInNoOther) {
  constexpr std::int64_t kWidth = 100;
  const auto packed = pack(kernels(), {kWidth, 40}, random_floats(kWidth * 40), {}, {});
  for (const float bad : {kNan, kInfinity, -kInfinity, 3e38F}) {
    for (const std::int64_t rows : {5, 37}) {
      auto x = random_floats(rows * kWidth);
      const auto untouched = product(kernels(), packed, x);
      x[2 * kWidth + 99] = bad;
      const auto out = product(kernels(), packed, x);
      for (std::size_t i = 0; i < out.size(); ++i) {
        if (i / 40 != 2) {
          EXPECT_EQ(out[i], untouched[i]) << i;
        } else if (!std::isfinite(bad)) {
          EXPECT_FALSE(std::isfinite(out[i])) << i;
        } else if (std::isfinite(out[i])) {
          EXPECT_GT(std::abs(out[i]), 1e30F) << i;  // huge, not wrong
        }
      }
    }
  }
}

class AmxRows : public OnEachAmxTable {
 protected:
  /// What an operand holds: its product with the identity, in f32 as near as staging allows.
  static std::vector<float> held(const Operand& operand, std::int64_t rows, std::int64_t width) {
    std::vector<float> identity(static_cast<std::size_t>(width * width));
    for (std::int64_t i = 0; i < width; ++i) identity[static_cast<std::size_t>(i * width + i)] = 1.0F;
    const auto packed = pack(kernels(), {width, width}, identity, {}, {});
    const StagingBuffer staged(kernels(), rows, width, StagingLayout::kRows);
    kernels().product({.weights = packed.view(),
                       .x = operand,
                       .first_row = 0,
                       .rows = rows,
                       .first_panel = 0,
                       .panels = packed.panels(),
                       .out = staged.staging});
    return staged.values(kernels(), rows, width);
  }
  /// Staged rows: x through a product with the identity.
  static StagingBuffer staged(const std::vector<float>& x, std::int64_t width, StagingLayout layout) {
    const std::int64_t rows = static_cast<std::int64_t>(x.size()) / width;
    std::vector<float> identity(static_cast<std::size_t>(width * width));
    for (std::int64_t i = 0; i < width; ++i) identity[static_cast<std::size_t>(i * width + i)] = 1.0F;
    const auto packed = pack(kernels(), {width, width}, identity, {}, {});
    const OperandBuffer operand(kernels(), rows, width);
    kernels().quantize({.f32 = {x.data(), rows, width},
                        .staging = {},
                        .width = width,
                        .out = operand.operand,
                        .first_row = 0,
                        .rows = rows});
    StagingBuffer buffer(kernels(), rows, width, layout);
    kernels().product({.weights = packed.view(),
                       .x = operand.operand,
                       .first_row = 0,
                       .rows = rows,
                       .first_panel = 0,
                       .panels = packed.panels(),
                       .out = buffer.staging});
    return buffer;
  }
  /// Of a value, by the operand and by the staging it is read through.
  static double slack(double greatest) { return greatest * ((quantized() ? 1.02 / 254 : 0.0) + GetParam().unit); }
  static double greatest_of_row(const std::vector<float>& x, std::int64_t width, std::size_t i) {
    double greatest = 0;
    const std::size_t row = i / static_cast<std::size_t>(width) * static_cast<std::size_t>(width);
    for (std::size_t k = row; k < row + static_cast<std::size_t>(width); ++k) {
      greatest = std::max(greatest, std::abs(double{x[k]}));
    }
    return greatest;
  }
};
VALENCE_ON_EACH_AMX_TABLE(AmxRows);

TEST_P(AmxRows, QuantizeKeepsF32Rows) {
  for (const std::int64_t width : {1, 30, 64, 70, 96}) {
    for (const float spread : {1e-3F, 1.0F, 1e4F}) {
      const auto x = random_floats(20 * width, spread);
      const OperandBuffer operand(kernels(), 20, width);
      kernels().quantize({.f32 = {x.data(), 20, width},
                          .staging = {},
                          .width = width,
                          .out = operand.operand,
                          .first_row = 0,
                          .rows = 20});
      const auto kept = held(operand.operand, 20, width);
      for (std::size_t i = 0; i < x.size(); ++i) {
        EXPECT_NEAR(kept[i], x[i], slack(greatest_of_row(x, width, i))) << width << ", " << spread;
      }
    }
  }
}

TEST_P(AmxRows, RowOfTheGreatestFloatsIsKeptOrShows) {
  if (&kernels() == &kFp16Amx) GTEST_SKIP() << "infinite as fp16, which the tests of what is no number cover";
  constexpr std::int64_t kWidth = 70;
  const std::vector<float> x(kWidth, std::numeric_limits<float>::max());
  const OperandBuffer operand(kernels(), 1, kWidth);
  kernels().quantize({.f32 = {x.data(), 1, kWidth},
                      .staging = {},
                      .width = kWidth,
                      .out = operand.operand,
                      .first_row = 0,
                      .rows = 1});
  for (const float kept : held(operand.operand, 1, kWidth)) {
    if (std::isfinite(kept)) {
      EXPECT_NEAR(kept / x[0], 1.0F, 0.01F);
    }
  }
}

// 1e-4 lies below what fp16 arithmetic can scale, 96 leaves half a tile, 20 rows half a strip.
TEST_P(AmxRows, QuantizeKeepsStagedRows) {
  for (const std::int64_t width : {30, 64, 96, 192}) {
    for (const float spread : {1e-4F, 1.0F, 1e4F}) {
      for (const StagingLayout layout : kLayouts) {
        const auto from = staged(random_floats(20 * width, spread), width, layout);
        const auto x = from.values(kernels(), 20, width);
        const OperandBuffer operand(kernels(), 20, width);
        kernels().quantize(
            {.f32 = {}, .staging = from.staging, .width = width, .out = operand.operand, .first_row = 0, .rows = 20});
        const auto kept = held(operand.operand, 20, width);
        for (std::size_t i = 0; i < x.size(); ++i) {
          EXPECT_NEAR(kept[i], x[i], slack(greatest_of_row(x, width, i))) << width << ", " << spread;
        }
      }
    }
  }
}

TEST_P(AmxRows, QuantizeGivesTheSameBitsWhereverRowsBegin) {
  constexpr std::int64_t kWidth = 128;
  constexpr std::int64_t kRows = 40;
  for (const StagingLayout layout : kLayouts) {
    auto x = random_floats(kRows * kWidth);
    for (std::int64_t k = 0; k < kWidth; ++k) x[static_cast<std::size_t>(5 * kWidth + k)] *= 1e-4F;
    const auto from = staged(x, kWidth, layout);
    const OperandBuffer whole(kernels(), kRows, kWidth);
    kernels().quantize(
        {.f32 = {}, .staging = from.staging, .width = kWidth, .out = whole.operand, .first_row = 0, .rows = kRows});
    const OperandBuffer parts(kernels(), kRows, kWidth);
    for (std::int64_t row = 0; row < kRows; row += 7) {
      kernels().quantize({.f32 = {},
                          .staging = from.from(row),
                          .width = kWidth,
                          .out = parts.operand,
                          .first_row = row,
                          .rows = std::min<std::int64_t>(7, kRows - row)});
    }
    EXPECT_EQ(held(whole.operand, kRows, kWidth), held(parts.operand, kRows, kWidth));
  }
}

TEST_P(AmxRows, StagedRowThatIsNoNumberShowsInItsRowAndInNoOther) {
  constexpr std::int64_t kWidth = 128;
  for (const StagingLayout layout : kLayouts) {
    for (const float bad : {kNan, kInfinity}) {
      auto x = random_floats(32 * kWidth);
      x[9 * kWidth + 100] = bad;
      const auto from = staged(x, kWidth, layout);
      const OperandBuffer operand(kernels(), 32, kWidth);
      kernels().quantize(
          {.f32 = {}, .staging = from.staging, .width = kWidth, .out = operand.operand, .first_row = 0, .rows = 32});
      const auto kept = held(operand.operand, 32, kWidth);
      for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(std::isfinite(kept[i]), i / kWidth != 9) << i;
    }
  }
}

TEST_P(AmxRows, AddNormGivesHiddenStatesAndTheirOperand) {
  for (const std::int64_t width : {8, 48, 100, 384}) {
    for (const float mean : {0.0F, 300.0F}) {  // a large one is measured in two passes
      for (const auto& [layout, kind] : {std::pair{StagingLayout::kRows, NormKind::kLayerNorm},
                                         {StagingLayout::kOwn, NormKind::kLayerNorm},
                                         {StagingLayout::kOwn, NormKind::kRmsNorm}}) {
        constexpr std::int64_t kRows = 21;
        auto hidden = random_floats(kRows * width, 2.0F, 1);
        for (float& v : hidden) v += mean;
        const auto weight = random_floats(width, 1.0F, 2);
        const auto bias = random_floats(width, 1.0F, 3);
        const LayerNormWeights norm{weight.data(), mean == 0.0F ? bias.data() : nullptr, 1e-12F, kind};
        const auto addend = staged(random_floats(kRows * width, 1.0F, 4), width, layout);
        const auto added = addend.values(kernels(), kRows, width);
        std::vector<double> expected(hidden.size());
        reference::add_layer_norm(rows_of(hidden, width), rows_of(added, width), width, norm, rows_of(expected, width));
        const OperandBuffer operand(kernels(), kRows, width);
        kernels().add_norm({.hidden = rows_of(hidden, width),
                            .addend = addend.staging,
                            .width = width,
                            .norm = norm,
                            .out = operand.operand,
                            .first_row = 0});
        EXPECT_TRUE(near_all(hidden, expected, mean == 0.0F ? 1e-5 : 2e-4)) << width;
        const auto kept = held(operand.operand, kRows, width);
        for (std::size_t i = 0; i < kept.size(); ++i) {
          EXPECT_NEAR(kept[i], hidden[i], slack(greatest_of_row(hidden, width, i))) << width;
        }
      }
    }
  }
}

TEST_P(AmxRows, AddNormOfPreNormModelsLeavesTheSumAndMakesTheSameOperand) {
  constexpr std::int64_t kRows = 21;
  for (const std::int64_t width : {8, 48, 100, 384}) {
    const auto hidden = random_floats(kRows * width, 2.0F, 1);
    const auto weight = random_floats(width, 1.0F, 2);
    const auto addend = staged(random_floats(kRows * width, 1.0F, 4), width, StagingLayout::kOwn);
    const auto added = addend.values(kernels(), kRows, width);
    const auto run = [&](std::vector<float>& states, float* normed) {
      const OperandBuffer operand(kernels(), kRows, width);
      kernels().add_norm({.hidden = rows_of(states, width),
                          .addend = addend.staging,
                          .width = width,
                          .norm = {.weight = weight.data(), .kind = NormKind::kRmsNorm},
                          .out = operand.operand,
                          .first_row = 0,
                          .normed = normed});
      return held(operand.operand, kRows, width);
    };
    auto in_place = hidden;
    auto summed = hidden;
    std::vector<float> normed(static_cast<std::size_t>(kNormRows * width));
    EXPECT_EQ(run(in_place, nullptr), run(summed, normed.data())) << width;
    for (std::size_t i = 0; i < summed.size(); ++i) EXPECT_EQ(summed[i], hidden[i] + added[i]) << width;
  }
}

TEST_P(AmxRows, GateGivesTheOperandOfTheReference) {
  constexpr std::int64_t kRows = 21;
  constexpr std::int64_t kFirst = 2;
  for (const std::int64_t width : {32, 64, 96, 384}) {
    for (const StagingLayout layout : kLayouts) {
      for (const auto activation : {Activation::kGelu, Activation::kGeluTanh, Activation::kSilu, Activation::kRelu}) {
        const auto x = staged(random_floats(kRows * 2 * width, 4.0F), 2 * width, layout);
        const auto values = x.values(kernels(), kRows, 2 * width);
        std::vector<double> expected(static_cast<std::size_t>(kRows * width));
        reference::gate({.x = rows_of(values, 2 * width), .width = width, .activation = activation},
                        rows_of(expected, width));
        std::vector<float> gated(expected.begin(), expected.end());
        const OperandBuffer operand(kernels(), kRows, width);
        std::vector<float> row(static_cast<std::size_t>(width));
        for (const std::int64_t first : {std::int64_t{0}, kFirst}) {  // divided, as chunks are
          kernels().gate({.x = x.from(first),
                          .width = width,
                          .activation = activation,
                          .out = operand.operand,
                          .first_row = first,
                          .rows = first == 0 ? kFirst : kRows - kFirst,
                          .row = row.data()});
        }
        const auto kept = held(operand.operand, kRows, width);
        for (std::size_t i = 0; i < kept.size(); ++i) {
          EXPECT_NEAR(kept[i], gated[i], 1e-5F + slack(greatest_of_row(gated, width, i))) << width;
        }
      }
    }
  }
}

TEST_P(AmxRows, HiddenStateThatIsNoNumberShows) {
  constexpr std::int64_t kWidth = 64;
  auto hidden = random_floats(2 * kWidth);
  hidden[70] = kNan;
  const auto addend = staged(random_floats(2 * kWidth), kWidth, StagingLayout::kOwn);
  const OperandBuffer operand(kernels(), 2, kWidth);
  kernels().add_norm({.hidden = rows_of(hidden, kWidth),
                      .addend = addend.staging,
                      .width = kWidth,
                      .norm = {},
                      .out = operand.operand,
                      .first_row = 0});
  const auto kept = held(operand.operand, 2, kWidth);
  for (std::size_t i = 0; i < kept.size(); ++i) EXPECT_EQ(std::isfinite(kept[i]), i < kWidth);
}

}  // namespace
}  // namespace valence::kernels
