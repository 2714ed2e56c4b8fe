#include <cmath>

#include "unit/kernels/encoder_calls.h"
#include "unit/kernels/on_each_isa.h"
#include "valence/kernels/reference.h"

namespace valence::kernels {
namespace {

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

// Files of others may hold it: our own scales never give it.
TEST_P(Int8, StoredWeightsOfMinus128AreExact) {
  constexpr std::int64_t kWidth = 70;
  std::vector<float> weight(kWidth, -128.0F * 0.5F);
  weight[3] = 127.0F * 0.5F;
  const std::vector<float> scale{0.5F};
  const auto packed = pack(kernels(), {kWidth, 1}, weight, scale, {});
  EXPECT_EQ(product(kernels(), packed, std::vector<float>(kWidth, 127.0F)),
            std::vector<float>{0.5F * 127 * (127 - 69 * 128)});
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

}  // namespace
}  // namespace valence::kernels
