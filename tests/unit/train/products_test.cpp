// The three products of a linear layer, in f32 and in bf16, against plain loops in double.
#include "valence/train/products.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "support/kernel_tables.h"
#include "valence/kernels/bf16_dispatch.h"

namespace valence::train {
namespace {

// f32 sums relative to the sum of their terms' sizes.
constexpr double kSumRounding = 4e-6;

double to_bf16(float x) {
  if (x == 0.0F) return 0;
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

/// A sum and the sum of its terms' sizes, which its rounding goes by.
struct Expected {
  double sum = 0, size = 0;
  void add(double term) {
    sum += term;
    size += std::abs(term);
  }
};

/// A layer with its parameters and gradients.
struct TestLayer {
  std::int64_t in, out;
  bool turned;
  std::vector<float> weight, bias, d_weight, d_bias;
  LinearParameters parameters;

  TestLayer(std::int64_t in_features, std::int64_t out_features, bool is_turned, std::uint32_t seed)
      : in(in_features),
        out(out_features),
        turned(is_turned),
        weight(random_values(in * out, seed)),
        bias(random_values(out, seed + 1)),
        d_weight(random_values(in * out, seed + 2)),
        d_bias(random_values(out, seed + 3)) {
    parameters = {.in_features = in,
                  .out_features = out,
                  .weight = weight.data(),
                  .stride = turned ? out : in,
                  .turned = turned,
                  .bias = bias.data(),
                  .d_weight = d_weight.data()};
  }
  [[nodiscard]] std::size_t at(std::int64_t o, std::int64_t i) const {
    return static_cast<std::size_t>(turned ? i * out + o : o * in + i);
  }
};

/// How products are to be computed, and what their operands are rounded by.
struct Arithmetic {
  std::string name;
  kernels::KernelTable table;
  const kernels::Bf16Products* bf16;
  bool emulated;
  [[nodiscard]] double rounded(float x) const { return bf16 != nullptr ? to_bf16(x) : static_cast<double>(x); }
};

std::vector<Arithmetic> tested_arithmetics() {
  std::vector<Arithmetic> tested;
  for (const TestedKernels& kernels : tested_kernels()) {
    const std::string isa(kernels::name(kernels.table.isa));
    if (!kernels.emulated) tested.push_back({isa + " f32", kernels.table, nullptr, false});
    tested.push_back({isa + " bf16", kernels.table, &kernels::bf16_products(kernels.table), kernels.emulated});
  }
  return tested;
}

struct Sizes {
  std::int64_t rows, in, out;
};

class ProductsTest : public ::testing::Test {
 protected:
  template <class Check>
  void for_each_arithmetic(Check check) {
    for (const Arithmetic& arithmetic : tested_arithmetics()) {
      SCOPED_TRACE(arithmetic.name);
      for (const Sizes& sizes : {Sizes{1, 8, 3}, {45, 64, 100}, {130, 33, 40}}) {
        SCOPED_TRACE(testing::Message() << sizes.rows << " rows, " << sizes.in << " -> " << sizes.out);
        for (const bool turned : {false, true}) check(arithmetic, sizes, turned);
      }
    }
  }
};

TEST_F(ProductsTest, ForwardGivesTheOutputsOfAllLayersOfOneInput) {
  for_each_arithmetic([](const Arithmetic& arithmetic, const Sizes& sizes, bool turned) {
    ThreadPool pool(2);
    SpinTeam team(pool);
    Products products(arithmetic.table, arithmetic.bf16, team);
    const TestLayer first(sizes.in, sizes.out, turned, 1);
    const TestLayer second(sizes.in, sizes.out + 5, turned, 11);
    const auto x = random_values(sizes.rows * sizes.in, 21);
    std::vector<float> outs[2] = {random_values(sizes.rows * first.out, 22),
                                  random_values(sizes.rows * second.out, 23)};
    const auto before = outs[1];
    const Products::Output outputs[] = {{&first.parameters, {outs[0].data(), sizes.rows, first.out}, false},
                                        {&second.parameters, {outs[1].data(), sizes.rows, second.out}, true}};
    team.run([&] { products.forward({x.data(), sizes.rows, sizes.in}, outputs); });
    for (int which = 0; which < 2; ++which) {
      const TestLayer& layer = which == 0 ? first : second;
      for (std::int64_t r = 0; r < sizes.rows; ++r) {
        for (std::int64_t o = 0; o < layer.out; ++o) {
          const auto at = static_cast<std::size_t>(r * layer.out + o);
          Expected expected;
          if (which == 1) expected.add(before[at]);
          expected.add(layer.bias[static_cast<std::size_t>(o)]);
          for (std::int64_t i = 0; i < sizes.in; ++i) {
            expected.add(arithmetic.rounded(x[static_cast<std::size_t>(r * sizes.in + i)]) *
                         arithmetic.rounded(layer.weight[layer.at(o, i)]));
          }
          ASSERT_NEAR(outs[which][at], expected.sum, kSumRounding * expected.size);
        }
      }
    }
  });
}

TEST_F(ProductsTest, InputGradientSumsOverTheLayers) {
  for_each_arithmetic([](const Arithmetic& arithmetic, const Sizes& sizes, bool turned) {
    ThreadPool pool(2);
    SpinTeam team(pool);
    Products products(arithmetic.table, arithmetic.bf16, team);
    const TestLayer layers[] = {{sizes.in, sizes.out, turned, 1}, {sizes.in, sizes.out + 7, turned, 11}};
    const std::vector<float> dys[] = {random_values(sizes.rows * layers[0].out, 31),
                                      random_values(sizes.rows * layers[1].out, 32)};
    const Products::Gradient gradients[] = {{&layers[0].parameters, {dys[0].data(), sizes.rows, layers[0].out}},
                                            {&layers[1].parameters, {dys[1].data(), sizes.rows, layers[1].out}}};
    for (const bool accumulate : {false, true}) {
      auto dx = random_values(sizes.rows * sizes.in, 33);
      const auto before = dx;
      team.run([&] { products.input_gradient(gradients, {dx.data(), sizes.rows, sizes.in}, accumulate); });
      for (std::int64_t r = 0; r < sizes.rows; ++r) {
        for (std::int64_t i = 0; i < sizes.in; ++i) {
          const auto at = static_cast<std::size_t>(r * sizes.in + i);
          Expected expected;
          if (accumulate) expected.add(before[at]);
          for (int which = 0; which < 2; ++which) {
            const TestLayer& layer = layers[which];
            for (std::int64_t o = 0; o < layer.out; ++o) {
              expected.add(arithmetic.rounded(dys[which][static_cast<std::size_t>(r * layer.out + o)]) *
                           arithmetic.rounded(layer.weight[layer.at(o, i)]));
            }
          }
          ASSERT_NEAR(dx[at], expected.sum, kSumRounding * expected.size);
        }
      }
    }
  });
}

TEST_F(ProductsTest, WeightGradientAddsToWhatIsThereAndLeavesTheFrozenAlone) {
  for_each_arithmetic([](const Arithmetic& arithmetic, const Sizes& sizes, bool turned) {
    ThreadPool pool(2);
    SpinTeam team(pool);
    Products products(arithmetic.table, arithmetic.bf16, team);
    TestLayer layer(sizes.in, sizes.out, turned, 1);
    layer.parameters.d_bias = layer.d_bias.data();
    const auto before = layer.d_weight;
    const auto bias_before = layer.d_bias;
    const auto x = random_values(sizes.rows * sizes.in, 41);
    const auto dy = random_values(sizes.rows * sizes.out, 42);
    const Products::Gradient gradient{&layer.parameters, {dy.data(), sizes.rows, sizes.out}};
    team.run([&] { products.weight_gradient({&gradient, 1}, {x.data(), sizes.rows, sizes.in}); });
    for (std::int64_t o = 0; o < sizes.out; ++o) {
      Expected of_bias;
      of_bias.add(bias_before[static_cast<std::size_t>(o)]);
      for (std::int64_t r = 0; r < sizes.rows; ++r) of_bias.add(dy[static_cast<std::size_t>(r * sizes.out + o)]);
      ASSERT_NEAR(layer.d_bias[static_cast<std::size_t>(o)], of_bias.sum, kSumRounding * of_bias.size);
      for (std::int64_t i = 0; i < sizes.in; ++i) {
        Expected expected;
        expected.add(before[layer.at(o, i)]);
        for (std::int64_t r = 0; r < sizes.rows; ++r) {
          expected.add(arithmetic.rounded(x[static_cast<std::size_t>(r * sizes.in + i)]) *
                       arithmetic.rounded(dy[static_cast<std::size_t>(r * sizes.out + o)]));
        }
        ASSERT_NEAR(layer.d_weight[layer.at(o, i)], expected.sum, kSumRounding * expected.size);
      }
    }
    layer.parameters.d_weight = nullptr;
    const auto after = layer.d_weight;
    team.run([&] { products.weight_gradient({&gradient, 1}, {x.data(), sizes.rows, sizes.in}); });
    EXPECT_EQ(layer.d_weight, after);
  });
}

TEST_F(ProductsTest, RowsAreWrittenRightBeforeTheyAreRead) {
  for_each_arithmetic([](const Arithmetic& arithmetic, const Sizes& sizes, bool turned) {
    ThreadPool pool(2);
    SpinTeam team(pool);
    Products products(arithmetic.table, arithmetic.bf16, team);
    const TestLayer layer(sizes.in, sizes.out, turned, 1);
    const auto check = [&](std::int64_t width, auto&& product) {
      const auto values = random_values(sizes.rows * width, 61);
      const auto expected = product(values, LineTask());
      std::vector<float> late(values.size(), std::numeric_limits<float>::quiet_NaN());
      std::vector<std::atomic<int>> written(static_cast<std::size_t>(sizes.rows));
      const LineTask write = [&](std::int64_t first, std::int64_t count) {
        ASSERT_LE(count, kRowBlock);
        std::copy_n(values.begin() + first * width, count * width, late.begin() + first * width);
        for (std::int64_t r = first; r < first + count; ++r) ++written[static_cast<std::size_t>(r)];
      };
      EXPECT_EQ(product(late, write), expected);
      for (const auto& times : written) ASSERT_EQ(times, 1);
    };
    check(sizes.in, [&](const std::vector<float>& x, const LineTask& before) {
      std::vector<float> y(static_cast<std::size_t>(sizes.rows * sizes.out));
      const Products::Output output{&layer.parameters, {y.data(), sizes.rows, sizes.out}};
      team.run([&] { products.forward({x.data(), sizes.rows, sizes.in}, {&output, 1}, before); });
      return y;
    });
    check(sizes.out, [&](const std::vector<float>& dy, const LineTask& before) {
      std::vector<float> dx(static_cast<std::size_t>(sizes.rows * sizes.in));
      const Products::Gradient gradient{&layer.parameters, {dy.data(), sizes.rows, sizes.out}};
      team.run([&] { products.input_gradient({&gradient, 1}, {dx.data(), sizes.rows, sizes.in}, false, before); });
      return dx;
    });
  });
}

// The sums for a bias are made while the rows are at hand, and must be those of this dy, once.
TEST_F(ProductsTest, GradientsOfBiasesAreTheSameWithAnInputGradientBefore) {
  for_each_arithmetic([](const Arithmetic& arithmetic, const Sizes& sizes, bool turned) {
    ThreadPool pool(2);
    SpinTeam team(pool);
    Products products(arithmetic.table, arithmetic.bf16, team);
    TestLayer layers[] = {{sizes.in, sizes.out, turned, 1}, {sizes.in, sizes.out + 7, turned, 11}};
    const auto x = random_values(sizes.rows * sizes.in, 71);
    auto first_dy = random_values(sizes.rows * layers[0].out, 72);
    const auto second_dy = random_values(sizes.rows * layers[1].out, 73);
    std::vector<float> dx(static_cast<std::size_t>(sizes.rows * sizes.in));
    for (TestLayer& layer : layers) {
      std::ranges::fill(layer.d_bias, 0.0F);
      layer.parameters.d_bias = layer.d_bias.data();
    }
    Products::BiasSums sums[2];
    const Products::Gradient first{&layers[0].parameters, {first_dy.data(), sizes.rows, layers[0].out}, &sums[0]};
    const Products::Gradient second{&layers[1].parameters, {second_dy.data(), sizes.rows, layers[1].out}, &sums[1]};
    const RowsView<float> d_input{dx.data(), sizes.rows, sizes.in};
    const RowsView<const float> input{x.data(), sizes.rows, sizes.in};
    team.run([&] {
      products.input_gradient({&first, 1}, d_input, false);
      products.input_gradient({&second, 1}, d_input, false);
      products.weight_gradient({&first, 1}, input);
      products.weight_gradient({&second, 1}, input);
    });
    const auto expect_sums = [&](const TestLayer& layer, const std::vector<float>& dy, double times) {
      for (std::int64_t o = 0; o < layer.out; ++o) {
        Expected expected;
        for (std::int64_t r = 0; r < sizes.rows; ++r) {
          expected.add(times * dy[static_cast<std::size_t>(r * layer.out + o)]);
        }
        ASSERT_NEAR(layer.d_bias[static_cast<std::size_t>(o)], expected.sum, kSumRounding * expected.size);
      }
    };
    expect_sums(layers[0], first_dy, 1);
    expect_sums(layers[1], second_dy, 1);
    // Without one before, of a dy that has changed since.
    for (float& value : first_dy) value *= 2;
    team.run([&] { products.weight_gradient({&first, 1}, input); });
    for (float& value : first_dy) value /= 2;
    expect_sums(layers[0], first_dy, 3);
  });
}

TEST_F(ProductsTest, BitsDoNotHangOnTheNumberOfThreads) {
  // Enough rows for blocks of them, enough tokens for a gradient in parts.
  constexpr Sizes kSizes{2500, 96, 160};
  for (const Arithmetic& arithmetic : tested_arithmetics()) {
    if (arithmetic.emulated) continue;
    SCOPED_TRACE(arithmetic.name);
    const auto x = random_values(kSizes.rows * kSizes.in, 51);
    const auto dy = random_values(kSizes.rows * kSizes.out, 52);
    struct Results {
      std::vector<float> y, dx, d_weight, d_bias;
      bool operator==(const Results&) const = default;
    };
    const auto with_threads = [&](std::size_t threads) {
      ThreadPool pool(threads);
      SpinTeam team(pool);
      Products products(arithmetic.table, arithmetic.bf16, team);
      TestLayer layer(kSizes.in, kSizes.out, false, 1);
      layer.parameters.d_bias = layer.d_bias.data();
      Results results{std::vector<float>(static_cast<std::size_t>(kSizes.rows * kSizes.out)),
                      std::vector<float>(static_cast<std::size_t>(kSizes.rows * kSizes.in)),
                      {},
                      {}};
      const Products::Gradient gradient{&layer.parameters, {dy.data(), kSizes.rows, kSizes.out}};
      team.run([&] {
        products.forward({x.data(), kSizes.rows, kSizes.in}, layer.parameters,
                         {results.y.data(), kSizes.rows, kSizes.out});
        products.input_gradient({&gradient, 1}, {results.dx.data(), kSizes.rows, kSizes.in}, false);
        products.weight_gradient({&gradient, 1}, {x.data(), kSizes.rows, kSizes.in});
      });
      results.d_weight = layer.d_weight;
      results.d_bias = layer.d_bias;
      return results;
    };
    const Results alone = with_threads(1);
    EXPECT_TRUE(alone == with_threads(2));
    EXPECT_TRUE(alone == with_threads(5));
  }
}

}  // namespace
}  // namespace valence::train
