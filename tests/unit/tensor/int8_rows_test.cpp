#include "valence/tensor/int8_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "valence/tensor/dtype.h"

namespace valence {
namespace {

TEST(Int8Rows, NoElementIsOffByMoreThanHalfAScale) {
  std::mt19937 generator(1);
  std::normal_distribution<float> normal;
  for (int round = 0; round < 200; ++round) {
    std::vector<float> row(97);
    for (float& value : row) value = normal(generator) * std::ldexp(1.0F, round - 100);
    std::vector<std::int8_t> quantised(row.size());
    const float scale = quantise_row(row, quantised);
    for (std::size_t i = 0; i < row.size(); ++i) {
      const double off = std::fabs(static_cast<double>(row[i]) - static_cast<double>(quantised[i]) * scale);
      // The scale is rounded to float, which 127 steps can multiply into 127 roundings of 2^-24.
      EXPECT_LE(off, scale * (0.5 + 127 * 0x1p-23));
    }
  }
}

TEST(Int8Rows, TheLargestElementIs127AndSignsAreKept) {
  std::vector<std::int8_t> quantised(4);
  EXPECT_EQ(quantise_row(std::vector<float>{-254, 127, 1, -3}, quantised), 2.0F);
  EXPECT_EQ(quantised, (std::vector<std::int8_t>{-127, 64, 0, -2}));  // 63.5, 0.5, -1.5: ties go to even
}

TEST(Int8Rows, ZerosHaveAScaleThatIsNoZero) {
  std::vector<std::int8_t> quantised(2, 5);
  EXPECT_EQ(quantise_row(std::vector<float>{0, -0.0F}, quantised), 1.0F);
  EXPECT_EQ(quantised, (std::vector<std::int8_t>{0, 0}));
}

TEST(Halves, EveryHalfSurvivesTheWayToFloatAndBack) {
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float value = f16_to_f32(static_cast<std::uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_TRUE(std::isnan(f16_to_f32(f32_to_f16(value))));
    } else {
      EXPECT_EQ(f32_to_f16(value), bits);
    }
  }
}

TEST(Halves, RoundingIsToTheNearestAndTiesGoToEven) {
  for (std::uint32_t bits = 0; bits < 0x7BFF; ++bits) {
    const float low = f16_to_f32(static_cast<std::uint16_t>(bits));
    const float high = f16_to_f32(static_cast<std::uint16_t>(bits + 1));
    const float middle = (low + high) / 2;  // exact: a half has 11 bits
    EXPECT_EQ(f32_to_f16(middle), bits % 2 == 0 ? bits : bits + 1) << bits;
    EXPECT_EQ(f32_to_f16(std::nextafter(middle, 0.0F)), bits) << bits;
    EXPECT_EQ(f32_to_f16(std::nextafter(middle, 1e9F)), bits + 1) << bits;
    EXPECT_EQ(f32_to_f16(-middle), (bits % 2 == 0 ? bits : bits + 1) | 0x8000U) << bits;
  }
}

TEST(Halves, BeyondTheRangeIsInfinity) {
  EXPECT_EQ(f32_to_f16(65504.0F), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65519.996F), 0x7BFF);
  EXPECT_EQ(f32_to_f16(65520.0F), 0x7C00);
  EXPECT_EQ(f32_to_f16(-1e30F), 0xFC00);
}

}  // namespace
}  // namespace valence
