#include "valence/kernels/linear.h"

#include <cmath>
#include <limits>

#include "unit/kernels/on_each_isa.h"
#include "valence/kernels/reference.h"

namespace valence::kernels {
namespace {

// Rounding of f32 sums in blocks of 768 random terms, for |x| <= 1 and |w| <= 0.06: measured 2e-6 at 3072 terms.
constexpr double kProductTolerance = 5e-6;

/// Weights, their bias, and both packed.
struct Layer {
  std::vector<float> weight;
  std::vector<float> bias;
  LinearShape shape;
  PackedLinear packed;

  Layer(const KernelTable& table, LinearShape wanted)
      : weight(random_floats(wanted.in_features * wanted.out_features, 0.06F, 11)),
        bias(random_floats(wanted.out_features, 0.5F, 12)),
        shape(wanted),
        packed(PackedLinear::pack(
            table, wanted,
            [&](std::int64_t o, std::span<float> row) {
              std::copy_n(weight.begin() + o * wanted.in_features, wanted.in_features, row.begin());
            },
            bias)) {}

  [[nodiscard]] std::vector<double> expected(RowsView<const float> x, const LinearEpilogue& epilogue = {}) const {
    std::vector<double> out(static_cast<std::size_t>(x.rows * shape.out_features));
    reference::linear(x, {shape, weight, bias}, epilogue, rows_of(out, shape.out_features));
    return out;
  }
  [[nodiscard]] std::vector<float> actual(RowsView<const float> x, const LinearEpilogue& epilogue = {}) const {
    std::vector<float> out(static_cast<std::size_t>(x.rows * shape.out_features));
    linear(x, packed, epilogue, rows_of(out, shape.out_features));
    return out;
  }
};

class Linear : public OnEachIsa {};
VALENCE_ON_EACH_ISA(Linear);

TEST_P(Linear, AgreesWithTheReferenceOverManyShapes) {
  for (const std::int64_t in_features : {1, 3, 17, 128, 312, 384, 768, 769, 3072}) {
    for (const std::int64_t out_features : {1, 2, 3, 47, 48, 49, 384, 1152}) {
      const Layer layer(table(), {in_features, out_features});
      for (const std::int64_t rows : {1, 5, 9}) {
        const auto x = random_floats(rows * in_features);
        EXPECT_TRUE(
            near_all(layer.actual(rows_of(x, in_features)), layer.expected(rows_of(x, in_features)), kProductTolerance))
            << rows << " x " << in_features << " -> " << out_features;
      }
    }
  }
}

TEST_P(Linear, AgreesWithTheReferenceForEveryNumberOfRows) {
  const Layer layer(table(), {96, 100});
  for (std::int64_t rows = 1; rows <= 300; rows += rows < 70 ? 1 : 29) {
    const auto x = random_floats(rows * 96);
    EXPECT_TRUE(near_all(layer.actual(rows_of(x, 96)), layer.expected(rows_of(x, 96)), kProductTolerance)) << rows;
  }
}

TEST_P(Linear, AgreesWithTheReferenceForAWideLayer) {
  const Layer layer(table(), {768, 2304});
  const auto x = random_floats(20 * 768);
  EXPECT_TRUE(near_all(layer.actual(rows_of(x, 768)), layer.expected(rows_of(x, 768)), kProductTolerance));
}

TEST_P(Linear, BitsOfARowDependOnNeitherItsPlaceNorItsNeighbours) {
  for (const LinearShape shape : {LinearShape{768, 99}, {1000, 40}, {384, 48}}) {
    const Layer layer(table(), shape);
    const auto x = random_floats(140 * shape.in_features);
    for (const std::int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 16, 17, 23, 31, 33, 47, 64, 65, 70, 129, 140}) {
      const auto together = layer.actual({x.data(), rows, shape.in_features}, {.activation = Activation::kGelu});
      for (std::int64_t r = 0; r < rows; ++r) {
        const auto alone =
            layer.actual({x.data() + r * shape.in_features, 1, shape.in_features}, {.activation = Activation::kGelu});
        ASSERT_TRUE(same_bits(alone.data(), together.data() + r * shape.out_features, shape.out_features))
            << "row " << r << " of " << rows;
      }
    }
  }
}

TEST_P(Linear, AppliesEveryActivationAndAddsTheResidual) {
  const Layer layer(table(), {200, 70});
  const auto x = random_floats(19 * 200, 10.0F);
  const auto residual = random_floats(19 * 70, 3.0F, 5);
  for (const auto activation : {Activation::kNone, Activation::kGelu, Activation::kGeluTanh, Activation::kRelu,
                                Activation::kSilu, Activation::kTanh}) {
    const LinearEpilogue epilogue{.activation = activation, .residual = rows_of(residual, 70)};
    constexpr double kTolerance = 10 * kProductTolerance;  // |x| is ten times larger here
    EXPECT_TRUE(
        near_all(layer.actual(rows_of(x, 200), epilogue), layer.expected(rows_of(x, 200), epilogue), kTolerance))
        << static_cast<int>(activation);
  }
}

TEST_P(Linear, ResidualMayBeTheOutput) {
  const Layer layer(table(), {1600, 70});
  const auto x = random_floats(150 * 1600);
  auto hidden = random_floats(150 * 70);
  const auto apart = layer.actual(rows_of(x, 1600), {.residual = rows_of(std::as_const(hidden), 70)});
  linear(rows_of(x, 1600), layer.packed, {.residual = rows_of(hidden, 70)}, rows_of(hidden, 70));
  EXPECT_TRUE(same_bits(apart.data(), hidden.data(), 150 * 70));
}

TEST_P(Linear, TakesEveryNthRowAndLeavesWhatLiesBetween) {
  const Layer layer(table(), {50, 30});
  const auto x = random_floats(7 * 3 * 50);
  std::vector<float> dense;
  for (int r = 0; r < 7; ++r) dense.insert(dense.end(), x.begin() + r * 150, x.begin() + r * 150 + 50);
  std::vector<float> out(7 * 40, -9.0F);
  linear({x.data(), 7, 150}, layer.packed, {}, {out.data(), 7, 40});
  const auto expected = layer.actual(rows_of(dense, 50));
  for (int r = 0; r < 7; ++r) {
    EXPECT_TRUE(same_bits(out.data() + r * 40, expected.data() + r * 30, 30)) << r;
    EXPECT_EQ(std::vector<float>(out.begin() + r * 40 + 30, out.begin() + r * 40 + 40), std::vector<float>(10, -9.0F));
  }
}

TEST_P(Linear, NotANumberAndInfinityStayInTheirRow) {
  const Layer layer(table(), {64, 50});
  auto x = random_floats(9 * 64);
  const auto healthy = layer.actual(rows_of(x, 64));
  x[4 * 64 + 7] = std::numeric_limits<float>::quiet_NaN();
  x[6 * 64 + 9] = std::numeric_limits<float>::infinity();
  const auto sick = layer.actual(rows_of(x, 64));
  for (int r = 0; r < 9; ++r) {
    for (int c = 0; c < 50; ++c) {
      const float y = sick[r * 50 + c];
      if (r == 4) {
        EXPECT_TRUE(std::isnan(y));
      } else if (r == 6) {
        EXPECT_TRUE(std::isinf(y));
      } else {
        EXPECT_EQ(y, healthy[r * 50 + c]);
      }
    }
  }
}

}  // namespace
}  // namespace valence::kernels
