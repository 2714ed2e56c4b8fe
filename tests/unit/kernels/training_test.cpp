// Every training kernel of every instruction set against plain loops in double, and against finite differences.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <random>
#include <vector>

#include "support/kernel_tables.h"
#include "valence/kernels/training_table.h"

namespace valence::kernels {
namespace {

constexpr double kRounding = 2e-6;  // of sums and elementary functions in f32, relative to the values' size

std::vector<float> random_values(std::size_t count, std::uint32_t seed, float scale = 1.0F) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0F, scale);
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

double activated(Activation activation, double x) {
  constexpr double kSqrtTwoOverPi = 0.79788456080286536;
  switch (activation) {
    case Activation::kNone:
      return x;
    case Activation::kGelu:
      return 0.5 * x * std::erfc(-x / std::sqrt(2.0));
    case Activation::kGeluTanh:
      return 0.5 * x * (1.0 + std::tanh(kSqrtTwoOverPi * (x + 0.044715 * x * x * x)));
    case Activation::kRelu:
      return x > 0 ? x : 0;
    case Activation::kSilu:
      return x / (1.0 + std::exp(-x));
    case Activation::kTanh:
      return std::tanh(x);
  }
  return 0;
}

double slope(const std::function<double(double)>& function, double at) {
  constexpr double kStep = 1e-5;
  return (function(at + kStep) - function(at - kStep)) / (2 * kStep);
}

constexpr Activation kActivations[] = {Activation::kNone, Activation::kGelu, Activation::kGeluTanh,
                                       Activation::kRelu, Activation::kSilu, Activation::kTanh};

class TrainingKernelsTest : public ::testing::Test {
 protected:
  template <class Check>
  void for_each_table(Check check) {
    for (const TestedKernels& tested : tested_kernels()) {
      SCOPED_TRACE(name(tested.table.isa));
      check(*tested.table.training);
    }
  }
};

TEST_F(TrainingKernelsTest, TransposeTurnsAnyShape) {
  for_each_table([](const TrainingKernels& kernels) {
    for (const auto& [rows, columns] : {std::pair{1, 1}, {3, 5}, {16, 16}, {17, 33}, {48, 7}, {50, 64}}) {
      const auto from = random_values(static_cast<std::size_t>(rows * (columns + 3)), 1);
      const std::int64_t stride = (rows + 15) / 16 * 16;
      std::vector<float> to(static_cast<std::size_t>(stride * columns));
      kernels.transpose({.from = from.data(),
                         .from_stride = columns + 3,
                         .rows = rows,
                         .columns = columns,
                         .to = to.data(),
                         .to_stride = stride});
      for (int r = 0; r < rows; ++r) {
        for (int c = 0; c < columns; ++c) {
          ASSERT_EQ(to[static_cast<std::size_t>(c * stride + r)],
                    from[static_cast<std::size_t>(r * (columns + 3) + c)]);
        }
      }
    }
  });
}

TEST_F(TrainingKernelsTest, MultiplySumsProductsOfRowsAndOfColumns) {
  for_each_table([](const TrainingKernels& kernels) {
    for (const auto left : {MultiplyCall::Left::kRows, MultiplyCall::Left::kColumns}) {
      for (const auto& [rows, columns, depth] : {std::tuple{1, 16, 1}, {7, 32, 25}, {9, 48, 64}, {20, 80, 33}}) {
        const bool by_rows = left == MultiplyCall::Left::kRows;
        const std::int64_t a_stride = by_rows ? depth : rows;
        const auto a = random_values(static_cast<std::size_t>(rows * depth), 2);
        const auto b = random_values(static_cast<std::size_t>(depth * columns), 3);
        const auto before = random_values(static_cast<std::size_t>(rows * columns), 4);
        for (const bool accumulate : {false, true}) {
          auto c = before;
          kernels.multiply({.left = left,
                            .a = a.data(),
                            .a_stride = a_stride,
                            .b = b.data(),
                            .b_stride = columns,
                            .c = c.data(),
                            .c_stride = columns,
                            .rows = rows,
                            .columns = columns,
                            .depth = depth,
                            .accumulate = accumulate});
          for (int i = 0; i < rows; ++i) {
            for (int j = 0; j < columns; ++j) {
              const auto at = static_cast<std::size_t>(i * columns + j);
              double sum = accumulate ? before[at] : 0.0;
              for (int k = 0; k < depth; ++k) {
                const auto of_a = static_cast<std::size_t>(by_rows ? i * depth + k : k * rows + i);
                sum += static_cast<double>(a[of_a]) * b[static_cast<std::size_t>(k * columns + j)];
              }
              ASSERT_NEAR(c[at], sum, kRounding * depth);
            }
          }
        }
      }
    }
  });
}

TEST_F(TrainingKernelsTest, ActivationBackwardIsTheSlope) {
  std::vector<float> x;
  for (float value = -9.0F; value <= 9.0F; value += 0.037F) x.push_back(value);
  x.insert(x.end(), {-40.0F, 40.0F, -1e4F, 1e4F});
  const auto dy = random_values(x.size(), 5);
  for_each_table([&](const TrainingKernels& kernels) {
    for (const Activation activation : kActivations) {
      SCOPED_TRACE(static_cast<int>(activation));
      std::vector<float> dx(x.size());
      std::vector<float> values(x.size());
      ActivationBackwardCall call{.x = x.data(),
                                  .dy = dy.data(),
                                  .dx = dx.data(),
                                  .size = static_cast<std::int64_t>(x.size()),
                                  .activation = activation};
      kernels.activation_backward(call);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double expected = slope([&](double at) { return activated(activation, at); }, x[i]);
        ASSERT_NEAR(dx[i], dy[i] * expected, 3e-6 * std::abs(dy[i])) << x[i];
      }
      const auto alone = dx;
      call.activated = values.data();
      kernels.activation_backward(call);
      EXPECT_EQ(dx, alone);
      for (std::size_t i = 0; i < x.size(); ++i) {
        const double expected = activated(activation, x[i]);
        ASSERT_NEAR(values[i], expected, 1e-6 * std::max(1.0, std::abs(expected))) << x[i];
      }
    }
  });
}

TEST_F(TrainingKernelsTest, GateBackwardIsTheSlopeOfBothHalves) {
  constexpr std::int64_t kRows = 3;
  constexpr std::int64_t kWidth = 21;
  const auto x = random_values(kRows * 2 * kWidth, 6, 2.0F);
  const auto dy = random_values(kRows * kWidth, 7);
  for_each_table([&](const TrainingKernels& kernels) {
    for (const Activation activation : kActivations) {
      std::vector<float> dx(x.size());
      kernels.gate_backward({.x = {x.data(), kRows, 2 * kWidth},
                             .dy = {dy.data(), kRows, kWidth},
                             .dx = {dx.data(), kRows, 2 * kWidth},
                             .width = kWidth,
                             .activation = activation});
      for (std::int64_t r = 0; r < kRows; ++r) {
        for (std::int64_t c = 0; c < kWidth; ++c) {
          const auto gate = static_cast<std::size_t>(r * 2 * kWidth + c);
          const std::size_t up = gate + kWidth;
          const double d = dy[static_cast<std::size_t>(r * kWidth + c)];
          ASSERT_NEAR(dx[gate], d * x[up] * slope([&](double at) { return activated(activation, at); }, x[gate]), 2e-5);
          ASSERT_NEAR(dx[up], d * activated(activation, x[gate]), 2e-5);
        }
      }
    }
  });
}

TEST_F(TrainingKernelsTest, SoftmaxLeavesOutWhatIsNotSeenAndItsBackwardIsItsSlope) {
  constexpr std::int64_t kColumns = 32;
  constexpr std::int64_t kRows = 5;
  const std::vector<std::int32_t> begin = {0, 0, 3, 7, 4};
  const std::vector<std::int32_t> end = {27, 1, 19, 8, 4};
  const auto scores = random_values(kRows * kColumns, 8, 3.0F);
  const auto d = random_values(kRows * kColumns, 9);
  constexpr float kScale = 0.25F;
  for_each_table([&](const TrainingKernels& kernels) {
    auto p = scores;
    kernels.softmax({.x = {p.data(), kRows, kColumns}, .columns = kColumns, .begin = begin.data(), .end = end.data()});
    auto dp = d;
    kernels.softmax_backward(
        {.p = {p.data(), kRows, kColumns}, .dp = {dp.data(), kRows, kColumns}, .columns = kColumns, .scale = kScale});
    for (std::size_t r = 0; r < kRows; ++r) {
      std::vector<double> expected(kColumns, 0.0);
      double sum = 0;
      for (auto c = static_cast<std::size_t>(begin[r]); c < static_cast<std::size_t>(end[r]); ++c) {
        sum += expected[c] = std::exp(static_cast<double>(scores[r * kColumns + c]));
      }
      double dot = 0;
      for (std::size_t c = 0; c < kColumns; ++c) {
        if (sum > 0) expected[c] /= sum;
        dot += expected[c] * d[r * kColumns + c];
      }
      for (std::size_t c = 0; c < kColumns; ++c) {
        ASSERT_NEAR(p[r * kColumns + c], expected[c], kRounding);
        ASSERT_NEAR(dp[r * kColumns + c], kScale * expected[c] * (d[r * kColumns + c] - dot), kRounding);
      }
    }
  });
}

TEST_F(TrainingKernelsTest, SoftmaxBackwardKeepsItsDigitsWhereOneProbabilityIsNearlyOne) {
  std::vector<float> scores(16, -12.0F);
  scores[3] = 8.0F;
  const auto d = random_values(16, 10, 100.0F);
  const std::int32_t begin = 0;
  const std::int32_t end = 16;
  for_each_table([&](const TrainingKernels& kernels) {
    auto p = scores;
    kernels.softmax({.x = {p.data(), 1, 16}, .columns = 16, .begin = &begin, .end = &end});
    auto dp = d;
    kernels.softmax_backward({.p = {p.data(), 1, 16}, .dp = {dp.data(), 1, 16}, .columns = 16, .scale = 1.0F});
    double sum = 0;
    for (const float score : scores) sum += std::exp(static_cast<double>(score));
    double expected = 0;  // of column 3: p3 * sum over the others of pj (d3 - dj)
    for (std::size_t j = 0; j < 16; ++j)
      expected += std::exp(static_cast<double>(scores[j])) / sum * (static_cast<double>(d[3]) - d[j]);
    expected *= std::exp(8.0) / sum;
    ASSERT_NEAR(dp[3], expected, 1e-5 * std::abs(expected));
  });
}

/// y = norm(x) in double, and the sum of dy * y.
double normed_dot(const std::vector<double>& x, const std::vector<float>& dy, const LayerNormWeights& norm) {
  const auto width = static_cast<double>(x.size());
  double mean = 0;
  if (norm.kind == NormKind::kLayerNorm) {
    for (const double value : x) mean += value / width;
  }
  double variance = 0;
  for (const double value : x) variance += (value - mean) * (value - mean) / width;
  const double inverse = 1.0 / std::sqrt(variance + norm.epsilon);
  double dot = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    double y = (x[i] - mean) * inverse;
    if (norm.weight != nullptr) y *= norm.weight[i];
    if (norm.bias != nullptr) y += norm.bias[i];
    dot += dy[i] * y;
  }
  return dot;
}

TEST_F(TrainingKernelsTest, NormBackwardIsTheSlope) {
  constexpr std::int64_t kWidth = 37;
  constexpr std::int64_t kRows = 4;
  const auto x = random_values(kRows * kWidth, 11, 2.0F);
  const auto dy = random_values(kRows * kWidth, 12);
  const auto weight = random_values(kWidth, 13);
  const auto bias = random_values(kWidth, 14);
  for_each_table([&](const TrainingKernels& kernels) {
    for (const NormKind kind : {NormKind::kLayerNorm, NormKind::kRmsNorm}) {
      const LayerNormWeights norm{weight.data(), bias.data(), 1e-5F, kind};
      auto dx = dy;  // in place
      auto d_weight = random_values(kWidth, 15);
      auto d_bias = random_values(kWidth, 16);
      const auto weight_before = d_weight;
      const auto bias_before = d_bias;
      NormBackwardCall call{.x = {x.data(), kRows, kWidth},
                            .dy = {dx.data(), kRows, kWidth},
                            .dx = {dx.data(), kRows, kWidth},
                            .width = kWidth,
                            .norm = norm,
                            .d_weight = d_weight.data(),
                            .d_bias = d_bias.data()};
      kernels.norm_backward(call);
      auto frozen = dy;
      call.dy = {frozen.data(), kRows, kWidth};
      call.dx = {frozen.data(), kRows, kWidth};
      call.d_weight = call.d_bias = nullptr;
      kernels.norm_backward(call);
      EXPECT_EQ(frozen, dx);
      std::vector<double> expected_weight(kWidth, 0.0);
      std::vector<double> expected_bias(kWidth, 0.0);
      for (std::size_t r = 0; r < kRows; ++r) {
        const std::vector<float> own_dy(dy.begin() + static_cast<std::ptrdiff_t>(r * kWidth),
                                        dy.begin() + static_cast<std::ptrdiff_t>((r + 1) * kWidth));
        for (std::size_t c = 0; c < kWidth; ++c) {
          const auto along = [&](double at) {
            std::vector<double> row(x.begin() + static_cast<std::ptrdiff_t>(r * kWidth),
                                    x.begin() + static_cast<std::ptrdiff_t>((r + 1) * kWidth));
            row[c] = at;
            return normed_dot(row, own_dy, norm);
          };
          ASSERT_NEAR(dx[r * kWidth + c], slope(along, x[r * kWidth + c]), 1e-5);
          std::vector<double> row(x.begin() + static_cast<std::ptrdiff_t>(r * kWidth),
                                  x.begin() + static_cast<std::ptrdiff_t>((r + 1) * kWidth));
          std::vector<float> only(kWidth, 0.0F);
          only[c] = own_dy[c];
          expected_weight[c] += normed_dot(row, only, {nullptr, nullptr, 1e-5F, kind});
          expected_bias[c] += own_dy[c];
        }
      }
      for (std::size_t c = 0; c < kWidth; ++c) {
        ASSERT_NEAR(d_weight[c], weight_before[c] + expected_weight[c], 1e-5);
        ASSERT_NEAR(d_bias[c], bias_before[c] + expected_bias[c], 1e-5);
      }
    }
  });
}

TEST_F(TrainingKernelsTest, ColumnSumsAddTheirColumnsOnly) {
  const auto x = random_values(6 * 40, 17);
  for_each_table([&](const TrainingKernels& kernels) {
    std::vector<float> sums(40, 1.0F);
    kernels.column_sums({.x = {x.data(), 6, 40}, .first = 8, .columns = 21, .sums = sums.data()});
    for (std::size_t c = 0; c < 40; ++c) {
      double expected = 1.0;
      for (std::size_t r = 0; r < 6 && c >= 8 && c < 29; ++r) expected += x[r * 40 + c];
      ASSERT_NEAR(sums[c], expected, kRounding * 6);
    }
  });
}

TEST_F(TrainingKernelsTest, DropoutDropsItsShareAndDrawsByElementAlone) {
  constexpr std::int64_t kSize = 100'000;
  const std::vector<float> ones(kSize, 1.0F);
  constexpr double kProbability = 0.1;
  const auto threshold = static_cast<std::uint32_t>(kProbability * 4294967296.0);
  constexpr float kScale = 1.0F / 0.9F;
  std::vector<float> first_table;
  for_each_table([&](const TrainingKernels& kernels) {
    std::vector<float> whole(kSize);
    DropoutCall call{.x = ones.data(),
                     .out = whole.data(),
                     .size = kSize,
                     .key = 0x1234567890ABCDEF,
                     .first = 0,
                     .threshold = threshold,
                     .scale = kScale};
    kernels.dropout(call);
    double kept = 0;
    double pairs = 0;
    for (std::size_t i = 0; i < kSize; ++i) {
      ASSERT_TRUE(whole[i] == 0.0F || whole[i] == kScale);
      kept += whole[i] != 0.0F ? 1 : 0;
      if (i > 0) pairs += whole[i] == 0.0F && whole[i - 1] == 0.0F ? 1 : 0;
    }
    constexpr double kFiveSigma = 5 * 95;  // sqrt(1e5 * 0.1 * 0.9) = 95
    EXPECT_NEAR(kept, 0.9 * kSize, kFiveSigma);
    EXPECT_NEAR(pairs, 0.01 * kSize, 5 * 32);  // neighbours know nothing of each other
    std::vector<float> part(1000);
    call.out = part.data();
    call.first = 777;
    call.size = 1000;
    kernels.dropout(call);
    EXPECT_TRUE(std::equal(part.begin(), part.end(), whole.begin() + 777));
    call.key ^= 1;
    kernels.dropout(call);
    EXPECT_FALSE(std::equal(part.begin(), part.end(), whole.begin() + 777));
    if (first_table.empty()) first_table = whole;
    EXPECT_EQ(whole, first_table);  // all instruction sets draw the same
  });
}

TEST_F(TrainingKernelsTest, AdamWTakesTheStepOfItsPaperOnEveryInstructionSetAlike) {
  constexpr std::size_t kSize = 37;
  const auto value = random_values(kSize, 18);
  const auto gradient = random_values(kSize, 19);
  const auto momentum = random_values(kSize, 20);
  auto square = random_values(kSize, 21);
  for (float& v : square) v *= v;
  std::vector<float> first_table;
  for (const bool has_gradient : {true, false}) {
    first_table.clear();
    for_each_table([&](const TrainingKernels& kernels) {
      auto own = value;
      auto used = gradient;
      auto m = momentum;
      auto v = square;
      kernels.adamw({.value = own.data(),
                     .gradient = has_gradient ? used.data() : nullptr,
                     .first_moment = m.data(),
                     .second_moment = v.data(),
                     .size = kSize,
                     .gradient_scale = 0.5F,
                     .decay = 0.99F,
                     .beta1 = 0.9F,
                     .beta2 = 0.999F,
                     .step_size = 0.01F,
                     .second_moment_scale = 1.5F,
                     .epsilon = 1e-8F});
      for (std::size_t i = 0; i < kSize; ++i) {
        const double g = has_gradient ? 0.5 * gradient[i] : 0.0;
        const double m1 = 0.9 * momentum[i] + 0.1 * g;
        const double v1 = 0.999 * square[i] + 0.001 * g * g;
        ASSERT_NEAR(m[i], m1, 1e-6);
        ASSERT_NEAR(v[i], v1, 1e-6);
        ASSERT_NEAR(own[i], 0.99 * value[i] - 0.01 * m1 / (1.5 * std::sqrt(v1) + 1e-8), 1e-5);
      }
      if (has_gradient) {
        EXPECT_EQ(used, std::vector<float>(kSize, 0.0F));
      }
      if (first_table.empty()) first_table = own;
      EXPECT_EQ(own, first_table);
    });
  }
}

TEST_F(TrainingKernelsTest, SumOfSquaresIsInDouble) {
  auto x = random_values(1001, 22);
  x[500] = 1e18F;
  for_each_table([&](const TrainingKernels& kernels) {
    double expected = 0;
    for (const float value : x) expected += static_cast<double>(value) * value;
    EXPECT_NEAR(kernels.sum_of_squares(x.data(), 1001) / expected, 1.0, 1e-12);
  });
}

}  // namespace
}  // namespace valence::kernels
