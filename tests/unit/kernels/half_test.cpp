#include <cmath>

#include "unit/kernels/encoder_calls.h"

namespace valence::kernels {
namespace {

class Half : public OnEachTable {
 protected:
  [[nodiscard]] static bool is_bf16() { return GetParam().name.starts_with("bf16"); }
};
VALENCE_ON_EACH_TABLE(Half, half_tables());

struct Moments {
  double greatest = 0;
  double norm = 0;
  explicit Moments(std::span<const float> row) {
    for (const float v : row) {
      greatest = std::max(greatest, std::abs(double{v}));
      norm += double{v} * v;
    }
    norm = std::sqrt(norm);
  }
  /// The length of the error of rounding `size` elements to integers of norm 46330 - sqrt(size) / 2 and size 32767.
  [[nodiscard]] double rounding(std::int64_t size) const {
    const double root = std::sqrt(static_cast<double>(size));
    return std::max(norm / (46330 - root / 2), greatest / 32767) * root / 2;
  }
};

/// The most by which x . w may be off: for integers by Cauchy-Schwarz; for bf16, 2^-8 of each factor of each product.
/// And the rounding of f32 results or sums.
double rounding_bound(bool bf16, std::span<const float> x, std::span<const float> w) {
  const auto size = static_cast<std::int64_t>(x.size());
  double magnitudes = 0;
  for (std::size_t k = 0; k < x.size(); ++k) magnitudes += std::abs(double{x[k]} * w[k]);
  if (bf16) return magnitudes * (0x1p-7 + 0x1p-16 + static_cast<double>(size) * 0x1p-24);
  const Moments a(x);
  const Moments b(w);
  const double off = a.rounding(size) * b.norm + b.rounding(size) * a.norm + a.rounding(size) * b.rounding(size);
  return off * (1 + 1e-5) + magnitudes * 0x1p-22;
}

void expect_within_bound(const EncoderKernels& kernels, bool bf16, LinearShape shape, const std::vector<float>& x,
                         const std::vector<float>& weight) {
  const auto out = product(kernels, pack(kernels, shape, weight, {}, {}), x);
  const std::int64_t depth = shape.in_features;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i) / shape.out_features;
    const auto column = static_cast<std::int64_t>(i) % shape.out_features;
    const std::span a(x.data() + row * depth, static_cast<std::size_t>(depth));
    const std::span b(weight.data() + column * depth, static_cast<std::size_t>(depth));
    double expected = 0;
    for (std::size_t k = 0; k < a.size(); ++k) expected += double{a[k]} * b[k];
    ASSERT_LE(std::abs(out[i] - expected), rounding_bound(bf16, a, b))
        << depth << " -> " << shape.out_features << ", row " << row << " output " << column;
  }
}

TEST_P(Half, ProductIsWithinTheRoundingOfItsOperands) {
  for (const std::int64_t in_features : {1, 2, 3, 30, 64, 65, 384, 3072}) {
    for (const std::int64_t out_features : {1, 23, 48, 50, 97}) {
      const auto weight = random_floats(in_features * out_features, 0.06F, 11);
      for (const std::int64_t rows : {1, 2, 7, 8, 9, 17}) {
        expect_within_bound(kernels(), is_bf16(), {in_features, out_features}, random_floats(rows * in_features),
                            weight);
      }
    }
  }
}

// Parallel rows make sums as large as their norms allow: here integers would overflow.
TEST_P(Half, LongestSumsDoNotOverflow) {
  for (const std::int64_t depth : {1, 2, 3, 64, 1000, 4096}) {
    const std::vector<float> equal(static_cast<std::size_t>(depth), 0.37F);
    expect_within_bound(kernels(), is_bf16(), {depth, 1}, equal, equal);
    auto one_large = random_floats(depth, 0.1F);
    one_large[static_cast<std::size_t>(depth / 2)] = -50.0F;
    expect_within_bound(kernels(), is_bf16(), {depth, 1}, one_large, one_large);
    auto negative = one_large;
    for (float& v : negative) v = -v;
    expect_within_bound(kernels(), is_bf16(), {depth, 1}, one_large, negative);
  }
}

TEST_P(Half, RowsOfAnyMagnitudeKeepTheirDigits) {
  constexpr LinearShape kShape{70, 50};
  const auto weight = random_floats(kShape.in_features * kShape.out_features, 0.06F, 11);
  for (const float spread : {1e-25F, 1e-14F, 1e-3F, 1e6F, 65504.0F, 1e14F, 1e16F, 1e30F}) {
    expect_within_bound(kernels(), is_bf16(), kShape, random_floats(9 * kShape.in_features, spread), weight);
  }
}

TEST_P(Half, HugeRowLeavesItsNeighboursAlone) {
  constexpr LinearShape kShape{64, 48};
  const auto packed = pack(kernels(), kShape, random_floats(64 * 48, 0.06F, 11), {}, {});
  auto x = random_floats(9 * 64);
  const auto untouched = product(kernels(), packed, x);
  for (std::size_t k = 0; k < 64; ++k) x[4 * 64 + k] *= 1e30F;
  const auto out = product(kernels(), packed, x);
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i / 48 != 4) {
      EXPECT_EQ(out[i], untouched[i]) << i;
    }
  }
}

// Unlike int8's, the activations are those of f32.
TEST_P(Half, ActivationsAreExact) {
  constexpr std::int64_t kWidth = 48;
  std::vector<float> x(kWidth * kWidth, 0.0F), bias = random_floats(kWidth, 6.0F);
  const std::vector<float> zeros(kWidth * kWidth, 0.0F);
  const auto packed = pack(kernels(), {kWidth, kWidth}, zeros, {}, bias);
  for (const Activation activation : {Activation::kGelu, Activation::kGeluTanh, Activation::kSilu, Activation::kTanh}) {
    std::vector<double> expected(x.size());
    reference::linear(rows_of(x, kWidth), {{kWidth, kWidth}, zeros, bias}, {.activation = activation},
                      rows_of(expected, kWidth));
    EXPECT_TRUE(near_all(product(kernels(), packed, x, activation), expected, 2e-6));
  }
}

}  // namespace
}  // namespace valence::kernels
