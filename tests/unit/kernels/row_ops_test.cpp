#include "valence/kernels/row_ops.h"

#include <bit>
#include <cmath>
#include <limits>

#include "unit/kernels/on_each_isa.h"
#include "valence/kernels/reference.h"

namespace valence::kernels {
namespace {

// Normalised rows are of the order of 1 and f32 has 6e-8 of relative precision.
constexpr double kNormTolerance = 2e-6;
constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

class RowOps : public OnEachIsa {
 protected:
  static float activate_one(Activation activation, float x) {
    float out = 0;
    activate(table(), activation, {&x, 1}, {&out, 1});
    return out;
  }
};
VALENCE_ON_EACH_ISA(RowOps);

TEST_P(RowOps, LayerNormAgreesWithTheReferenceForEveryWidth) {
  for (const std::int64_t width : {2, 3, 5, 15, 16, 17, 63, 64, 65, 128, 312, 384, 768, 1024}) {
    const auto x = random_floats(5 * width, 4.0F, 1);
    const auto addend = random_floats(5 * width, 4.0F, 2);
    const auto weight = random_floats(width, 1.0F, 3);
    const auto bias = random_floats(width, 1.0F, 4);
    for (const auto& norm : {LayerNormWeights{weight.data(), bias.data(), 1e-12F},
                             LayerNormWeights{weight.data(), nullptr, 1e-6F, NormKind::kRmsNorm}}) {
      for (const auto& added : {RowsView<const float>{}, rows_of(addend, width)}) {
        std::vector<float> out(x.size());
        std::vector<double> expected(x.size());
        add_layer_norm(table(), rows_of(x, width), added, width, norm, rows_of(out, width));
        reference::add_layer_norm(rows_of(x, width), added, width, norm, rows_of(expected, width));
        // Two values apart by less than they were rounded: the quotient of small differences carries their error.
        EXPECT_TRUE(near_all(out, expected, width < 8 ? 10 * kNormTolerance : kNormTolerance)) << width;
      }
    }
  }
}

TEST_P(RowOps, LayerNormSurvivesALargeMean) {
  auto x = random_floats(768);
  for (float& v : x) v += 1000.0F;
  std::vector<float> out(768);
  std::vector<double> expected(768);
  layer_norm(table(), rows_of(x, 768), 768, {}, rows_of(out, 768));
  reference::add_layer_norm(rows_of(x, 768), {}, 768, {}, rows_of(expected, 768));
  EXPECT_TRUE(near_all(out, expected, 2e-4));  // x itself has 6e-5 of precision there
}

TEST_P(RowOps, LayerNormMayWriteOverItsInput) {
  const auto x = random_floats(3 * 100);
  auto in_place = x;
  std::vector<float> apart(x.size());
  layer_norm(table(), rows_of(x, 100), 100, {}, rows_of(apart, 100));
  layer_norm(table(), rows_of(in_place, 100), 100, {}, rows_of(in_place, 100));
  EXPECT_EQ(in_place, apart);
}

TEST_P(RowOps, LayerNormOfAConstantRowIsItsBias) {
  const std::vector<float> x(64, 3.0F);
  const auto bias = random_floats(64);
  std::vector<float> out(64);
  layer_norm(table(), rows_of(x, 64), 64, {.bias = bias.data()}, rows_of(out, 64));
  EXPECT_EQ(out, bias);
}

TEST_P(RowOps, RmsNormKeepsTheMean) {
  const std::vector<float> x(40, 3.0F);
  const std::vector<float> weight(40, 0.5F);
  std::vector<float> out(40);
  const LayerNormWeights norm{.weight = weight.data(), .epsilon = 0.0F, .kind = NormKind::kRmsNorm};
  layer_norm(table(), rows_of(x, 40), 40, norm, rows_of(out, 40));
  for (const float y : out) EXPECT_NEAR(y, 0.5F, 1e-6F);
}

TEST_P(RowOps, EmbeddingsAreSummedAndNormalised) {
  for (const std::int64_t width : {48, 50, 384}) {
    const auto word = random_floats(20 * width, 1.0F, 1);
    const auto position = random_floats(10 * width, 1.0F, 2);
    const auto token_type = random_floats(2 * width, 1.0F, 3);
    const std::vector<std::int32_t> input_ids = {19, 0, 7, 7};
    const std::vector<std::int32_t> position_ids = {0, 1, 2, 9};
    const std::vector<std::int32_t> token_type_ids = {0, 0, 1, 1};
    Embeddings embeddings{{.f32 = word.data()}, {.f32 = position.data()}, {.f32 = token_type.data()}, width, {}};
    const EmbeddingIds ids{input_ids, position_ids, token_type_ids};
    const auto check = [&] {
      std::vector<float> out(static_cast<std::size_t>(4 * width));
      std::vector<double> expected(out.size());
      embed_layer_norm(table(), embeddings, ids, rows_of(out, width));
      reference::embed_layer_norm(embeddings, ids, rows_of(expected, width));
      EXPECT_TRUE(near_all(out, expected, kNormTolerance)) << width;
    };
    check();
    embeddings.token_type = {};
    check();
    embeddings.normalize = false;
    check();
    embeddings.normalize = true;
    std::vector<std::int8_t> word_i8(word.size());
    for (std::size_t i = 0; i < word.size(); ++i) word_i8[i] = static_cast<std::int8_t>(127 * word[i]);
    const auto scales = random_floats(20, 1.0F, 9);
    embeddings.word = {.i8 = word_i8.data(), .row_scales = scales.data()};
    check();
  }
}

struct Accuracy {
  Activation activation;
  double tolerance;  // of max(1, |f(x)|): measured over all floats, rounded up
};
constexpr Accuracy kAccuracies[] = {{Activation::kGelu, 2e-7},
                                    {Activation::kGeluTanh, 4e-7},
                                    {Activation::kRelu, 0},
                                    {Activation::kSilu, 4e-7},
                                    {Activation::kTanh, 2e-7}};

TEST_P(RowOps, ActivationsAreAccurateOverAllFloats) {
  constexpr std::uint32_t kStep = 4093;  // a prime: exponents and mantissas mix. kStep = 1 was run once: same figures
  std::vector<float> x;
  for (std::uint64_t bits = 0; bits < (1ULL << 32U); bits += kStep) {
    const float v = std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    if (std::isfinite(v)) x.push_back(v);
  }
  std::vector<float> out(x.size());
  for (const auto [activation, tolerance] : kAccuracies) {
    activate(table(), activation, x, out);
    double worst = 0;
    float worst_x = 0;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double expected = reference::activate(activation, x[i]);
      const double error = std::abs(out[i] - expected) / std::max(1.0, std::abs(expected));
      if (!(error <= worst)) {
        worst = error;
        worst_x = x[i];
      }
    }
    EXPECT_LE(worst, tolerance) << "activation " << static_cast<int>(activation) << " at " << worst_x;
  }
}

TEST_P(RowOps, GeluAndTanhKeepTheirRelativePrecisionNearZero) {
  for (const float x : {1e-30F, 1e-6F, 0.003F, 0.1F, 0.5F, -1e-30F, -1e-6F, -0.003F, -0.1F, -0.5F}) {
    for (const auto activation : {Activation::kGelu, Activation::kTanh}) {
      const double expected = reference::activate(activation, x);
      EXPECT_NEAR(activate_one(activation, x) / expected, 1.0, 1e-6) << x;
    }
  }
}

TEST_P(RowOps, ActivationsOfNotANumberAndInfinity) {
  for (const auto activation : {Activation::kNone, Activation::kGelu, Activation::kGeluTanh, Activation::kRelu,
                                Activation::kSilu, Activation::kTanh}) {
    EXPECT_TRUE(std::isnan(activate_one(activation, kNan))) << static_cast<int>(activation);
    const bool bounded = activation == Activation::kTanh;
    EXPECT_EQ(activate_one(activation, kInfinity), bounded ? 1.0F : kInfinity) << static_cast<int>(activation);
  }
  EXPECT_EQ(activate_one(Activation::kTanh, -kInfinity), -1.0F);
  EXPECT_EQ(activate_one(Activation::kRelu, -kInfinity), 0.0F);
  for (const auto activation : {Activation::kGelu, Activation::kGeluTanh, Activation::kSilu}) {
    EXPECT_NEAR(activate_one(activation, -kInfinity), 0.0F, 1e-30F);  // the limit
  }
}

TEST_P(RowOps, ActivationOfAnElementDoesNotDependOnItsPlace) {
  const auto x = random_floats(1000, 6.0F);
  std::vector<float> together(1000);
  for (const auto activation : {Activation::kGelu, Activation::kGeluTanh, Activation::kSilu, Activation::kTanh}) {
    activate(table(), activation, x, together);
    for (int i = 0; i < 1000; ++i) ASSERT_EQ(activate_one(activation, x[i]), together[i]);
  }
}

struct RotaryShape {
  std::int64_t head_dim;
  std::int64_t rotary_dim;
};

TEST_P(RowOps, RotaryEmbeddingAgreesWithTheReference) {
  constexpr std::int64_t kHeads = 3;
  constexpr std::int64_t kPositions = 11;
  for (const auto [head_dim, rotary_dim] :
       {RotaryShape{64, 64}, {32, 32}, {80, 20}, {48, 48}, {26, 26}, {8, 2}, {6, 0}}) {
    const auto cos = random_floats(kPositions * rotary_dim / 2, 1.0F, 1);
    const auto sin = random_floats(kPositions * rotary_dim / 2, 1.0F, 2);
    const std::vector<std::int32_t> positions = {0, 10, 3, 3};
    const std::int64_t width = kHeads * head_dim + 5;  // what is between the rows stays
    auto x = random_floats(4 * width, 2.0F);
    std::vector<double> expected(x.begin(), x.end());
    const RotaryCall call{.x = rows_of(x, width),
                          .num_heads = kHeads,
                          .head_dim = head_dim,
                          .rotary_dim = rotary_dim,
                          .cos = cos.data(),
                          .sin = sin.data(),
                          .positions = positions.data()};
    reference::rotate(call, rows_of(expected, width));
    rotate(table(), call);
    EXPECT_TRUE(near_all(x, expected, 1e-6)) << head_dim << ", " << rotary_dim;
  }
}

TEST_P(RowOps, GateAgreesWithTheReferenceInPlaceToo) {
  for (const std::int64_t width : {1, 7, 16, 50, 96}) {
    for (const auto activation : {Activation::kNone, Activation::kGelu, Activation::kGeluTanh, Activation::kSilu}) {
      auto x = random_floats(4 * (2 * width + 3), 4.0F);
      const std::int64_t stride = 2 * width + 3;
      std::vector<float> out(static_cast<std::size_t>(4 * width));
      std::vector<double> expected(out.size());
      GateCall call{.x = rows_of(x, stride), .out = rows_of(out, width), .width = width, .activation = activation};
      reference::gate(call, rows_of(expected, width));
      gate(table(), call);
      EXPECT_TRUE(near_all(out, expected, 1e-5)) << width;
      call.out = rows_of(x, stride);
      gate(table(), call);
      for (int r = 0; r < 4; ++r) EXPECT_TRUE(same_bits(x.data() + r * stride, out.data() + r * width, width)) << width;
    }
  }
}

TEST_P(RowOps, AddedRowsAreRoundedOnce) {
  for (const std::int64_t width : {1, 15, 16, 100}) {
    auto x = random_floats(3 * width, 2.0F, 1);
    const auto y = random_floats(3 * width, 2.0F, 2);
    std::vector<float> expected(x.size());
    for (std::size_t i = 0; i < x.size(); ++i) expected[i] = x[i] + y[i];
    add_rows(table(), rows_of(x, width), rows_of(y, width), width);
    EXPECT_EQ(x, expected) << width;
  }
}

}  // namespace
}  // namespace valence::kernels
