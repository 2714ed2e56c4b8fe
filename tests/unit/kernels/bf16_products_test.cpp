// Products of bf16 operands, by every table this CPU runs or can emulate, against plain loops over rounded numbers.
#include "valence/kernels/bf16_products.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <random>
#include <vector>

#include "support/kernel_tables.h"
#include "valence/kernels/bf16_product_tables.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence::kernels {
namespace {

// f32 sums of products that are exact, relative to the sum of their sizes: an ulp for each of a few dozen additions.
constexpr double kSumRounding = 4e-6;

std::vector<const Bf16Products*> tested_products() {
  const CpuFeatures cpu = detect_cpu_features();
  std::vector<const Bf16Products*> tested{&kBf16ProductsPortable};
  if (cpu.x86_64_v3) tested.push_back(&kBf16ProductsAvx2);
  if (cpu.x86_64_v4) tested.push_back(&kBf16ProductsAvx512);
  if (cpu.avx512_vnni && cpu.avx512_bf16) tested.push_back(&kBf16ProductsAvx512Bf16);
  const bool has_tiles = kernels::runnable_isas().back() == Isa::kAmx;
  if (!has_tiles && can_emulate_amx(cpu)) install_amx_emulator();
  if (has_tiles || can_emulate_amx(cpu)) tested.push_back(&kBf16ProductsAmx);
  return tested;
}

/// To the nearest, ties to even, by the arithmetic of doubles.
double rounded(float x) {
  if (x == 0.0F || !std::isfinite(x)) return x;
  int exponent = 0;
  const double fraction = std::frexp(static_cast<double>(x), &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
}

std::vector<float> random_values(std::int64_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

/// A matrix [lines][depth], stored either way with room between its rows.
struct Matrix {
  std::int64_t lines, depth;
  DepthOrder order;
  std::int64_t stride;
  std::vector<float> values;

  Matrix(std::int64_t lines_of, std::int64_t depth_of, DepthOrder stored, std::uint32_t seed)
      : lines(lines_of),
        depth(depth_of),
        order(stored),
        stride((stored == DepthOrder::kAlongLines ? depth_of : lines_of) + 3),
        values(random_values(stride * (stored == DepthOrder::kAlongLines ? lines_of : depth_of), seed)) {}
  [[nodiscard]] float at(std::int64_t line, std::int64_t k) const {
    return values[static_cast<std::size_t>(order == DepthOrder::kAlongLines ? line * stride + k : k * stride + line)];
  }
  [[nodiscard]] const float* line(std::int64_t i) const {
    return values.data() + (order == DepthOrder::kAlongLines ? i * stride : i);
  }
};

std::int64_t steps_of(std::int64_t depth) { return (depth + kBf16StepDepth - 1) / kBf16StepDepth; }

/// A matrix as strips (lines_each 16) or panels (32), the buffer full of numbers that are none.
AlignedBuffer<std::byte> packed(const Matrix& matrix, void (*pack)(const Bf16PackCall&) noexcept,
                                std::int64_t lines_each) {
  const std::int64_t bytes = steps_of(matrix.depth) * lines_each * kBf16StepDepth * 2;
  const std::int64_t count = (matrix.lines + lines_each - 1) / lines_each;
  AlignedBuffer<std::byte> buffer(static_cast<std::size_t>((count + 1) * bytes));
  std::fill_n(buffer.data(), buffer.size(), std::byte{0xff});
  for (std::int64_t i = 0; i < count; ++i) {
    pack({.from = matrix.line(i * lines_each),
          .stride = matrix.stride,
          .order = matrix.order,
          .lines = std::min(lines_each, matrix.lines - i * lines_each),
          .depth = matrix.depth,
          .to = buffer.data() + i * bytes});
  }
  return buffer;
}

struct Shape3 {
  std::int64_t rows, columns, depth;
};

constexpr Shape3 kShapes[] = {{1, 1, 1},   {8, 3, 64},    {16, 32, 32}, {17, 33, 31}, {5, 70, 130},
                              {45, 96, 7}, {33, 64, 520}, {70, 17, 97}, {545, 20, 40}};
constexpr DepthOrder kOrders[] = {DepthOrder::kAlongLines, DepthOrder::kAcrossLines};

class Bf16ProductsTest : public ::testing::Test {
 protected:
  template <class Check>
  void for_each_table(Check check) {
    for (const Bf16Products* products : tested_products()) {
      SCOPED_TRACE(products->path);
      check(*products);
    }
  }
};

TEST_F(Bf16ProductsTest, SumProductsOfRoundedOperandsHoweverTheyLie) {
  for_each_table([](const Bf16Products& products) {
    for (const Shape3& shape : kShapes) {
      SCOPED_TRACE(testing::Message() << shape.rows << " x " << shape.columns << " x " << shape.depth);
      for (const DepthOrder left_order : kOrders) {
        for (const DepthOrder right_order : kOrders) {
          const Matrix left(shape.rows, shape.depth, left_order, 1);
          const Matrix right(shape.columns, shape.depth, right_order, 2);
          const auto strips = packed(left, products.pack_strip, kBf16StripRows);
          const auto panels = packed(right, products.pack_panel, kBf16PanelColumns);
          const auto bias = random_values(shape.columns, 3);
          const std::int64_t stride = shape.columns + 5;
          const auto before = random_values(shape.rows * stride, 4);
          for (const bool accumulate : {false, true}) {
            auto out = before;
            products.product({.left = strips.data(),
                              .right = panels.data(),
                              .steps = steps_of(shape.depth),
                              .columns = shape.columns,
                              .out = {out.data(), shape.rows, stride},
                              .bias = accumulate ? nullptr : bias.data(),
                              .accumulate = accumulate});
            for (std::int64_t i = 0; i < shape.rows; ++i) {
              for (std::int64_t j = 0; j < stride; ++j) {
                const auto at = static_cast<std::size_t>(i * stride + j);
                if (j >= shape.columns) {
                  ASSERT_EQ(out[at], before[at]) << "written past the columns";
                  continue;
                }
                double sum = accumulate ? before[at] : bias[static_cast<std::size_t>(j)];
                double size = std::abs(sum);
                for (std::int64_t k = 0; k < shape.depth; ++k) {
                  const double term = rounded(left.at(i, k)) * rounded(right.at(j, k));
                  sum += term;
                  size += std::abs(term);
                }
                ASSERT_NEAR(out[at], sum, kSumRounding * size) << i << ", " << j;
              }
            }
          }
        }
      }
    }
  });
}

TEST_F(Bf16ProductsTest, DivisionOfRowsAndPanelsOverCallsDoesNotChangeABit) {
  const Matrix left(75, 530, DepthOrder::kAlongLines, 5);
  const Matrix right(90, 530, DepthOrder::kAcrossLines, 6);
  const std::int64_t steps = steps_of(530);
  for_each_table([&](const Bf16Products& products) {
    const auto strips = packed(left, products.pack_strip, kBf16StripRows);
    const auto panels = packed(right, products.pack_panel, kBf16PanelColumns);
    std::vector<float> whole(75 * 90);
    std::vector<float> parts(75 * 90);
    products.product(
        {.left = strips.data(), .right = panels.data(), .steps = steps, .columns = 90, .out = {whole.data(), 75, 90}});
    for (std::int64_t row = 0; row < 75; row += 32) {
      for (std::int64_t column = 0; column < 90; column += kBf16PanelColumns) {
        products.product({.left = strips.data() + row / kBf16StripRows * steps * kBf16StripStepBytes,
                          .right = panels.data() + column / kBf16PanelColumns * steps * kBf16PanelStepBytes,
                          .steps = steps,
                          .columns = std::min(kBf16PanelColumns, 90 - column),
                          .out = {parts.data() + row * 90 + column, std::min<std::int64_t>(32, 75 - row), 90}});
      }
    }
    EXPECT_EQ(whole, parts);
  });
}

TEST_F(Bf16ProductsTest, TiesGoToTheEvenNeighbourAndWhatIsNoNumberShows) {
  const auto of_bits = [](std::uint32_t bits) { return std::bit_cast<float>(bits); };
  // Halves between two bf16 numbers, a carry into the exponent, the greatest float, an infinity, a NaN of low bits.
  const std::vector<std::pair<float, float>> cases = {{of_bits(0x3f808000U), 1.0F},
                                                      {of_bits(0x3f818000U), of_bits(0x3f820000U)},
                                                      {of_bits(0xbfffffffU), -2.0F},
                                                      {of_bits(0x3f808001U), of_bits(0x3f810000U)},
                                                      {of_bits(0x7f7fffffU), of_bits(0x7f800000U)},
                                                      {of_bits(0x7f800000U), of_bits(0x7f800000U)},
                                                      {of_bits(0x7f800001U), of_bits(0x7fc00000U)}};
  for_each_table([&](const Bf16Products& products) {
    for (const auto& [given, expected] : cases) {
      Matrix left(1, 1, DepthOrder::kAlongLines, 7);
      Matrix right(1, 1, DepthOrder::kAlongLines, 8);
      left.values[0] = given;
      right.values[0] = 1.0F;
      const auto strips = packed(left, products.pack_strip, kBf16StripRows);
      const auto panels = packed(right, products.pack_panel, kBf16PanelColumns);
      float out = 0;
      products.product({.left = strips.data(), .right = panels.data(), .steps = 1, .columns = 1, .out = {&out, 1, 1}});
      if (std::isnan(expected)) {
        EXPECT_TRUE(std::isnan(out));
      } else {
        EXPECT_EQ(out, expected) << given;
      }
    }
  });
}

}  // namespace
}  // namespace valence::kernels
