#include <algorithm>

#include "unit/kernels/amx_attention_calls.h"
#include "valence/kernels/reference.h"

namespace valence::kernels {
namespace {

constexpr std::int64_t kRows = 7;
constexpr std::int64_t kHeads = 3;
constexpr std::int64_t kStride = kHeads * 160;

class AmxHeads : public OnEachAmxTable {
 protected:
  void SetUp() override {
    OnEachAmxTable::SetUp();
    if (!IsSkipped() && kernels().turn_heads == nullptr) GTEST_SKIP() << "its heads are turned in f32";
  }
  /// call.x = rows of `x`; those rows afterwards.
  static std::vector<float> turned(const Projected& x, TurnHeadsCall call) {
    std::vector<std::uint16_t> staged = x.staged;
    call.x = {reinterpret_cast<std::byte*>(staged.data()), kStride};
    call.rows = kRows;
    call.num_heads = kHeads;
    kernels().turn_heads(call);
    std::vector<float> out;
    for (const std::uint16_t bits : staged) out.push_back(widened(kernels(), bits));
    return out;
  }
  // Rounded once to 8 bits; what is rounded stays below 8.
  static constexpr double kTolerance = 8 * kBf16Unit;
};
VALENCE_ON_EACH_AMX_TABLE(AmxHeads);

TEST_P(AmxHeads, AreNormalisedAndTurnedAsTheReferenceDoesIt) {
  const std::vector<std::int32_t> positions{0, 1, 2, 0, 5, 0, 3};
  for (const std::int64_t head_dim : {2, 16, 20, 32, 64, 80, 128}) {
    const std::int64_t width = kHeads * head_dim;
    const Projected x(kernels(), random_floats(kRows * kStride, 2.0F));
    const auto cos = random_floats(6 * head_dim / 2, 1.0F, 2);
    const auto sin = random_floats(6 * head_dim / 2, 1.0F, 3);
    const auto weight = random_floats(head_dim, 1.0F, 4);
    const auto bias = random_floats(head_dim, 1.0F, 5);
    for (const NormKind kind : {NormKind::kLayerNorm, NormKind::kRmsNorm}) {
      const LayerNormWeights norm{weight.data(), kind == NormKind::kRmsNorm ? nullptr : bias.data(), 1e-6F, kind};
      for (const bool normalises : {false, true}) {
        for (const bool turns : {false, true}) {
          TurnHeadsCall call{.head_dim = head_dim, .norm = normalises ? &norm : nullptr};
          if (turns) {
            call.cos = cos.data();
            call.sin = sin.data();
            call.positions = positions.data();
          }
          const auto out = turned(x, call);
          std::vector<double> expected(static_cast<std::size_t>(kRows * kStride));
          std::copy(x.values.begin(), x.values.end(), expected.begin());  // what is beside the heads stays
          for (std::int64_t r = 0; r < kRows; ++r) {
            double* const row = expected.data() + r * kStride;
            if (normalises) {
              reference::add_layer_norm({x.values.data() + r * kStride, kHeads, head_dim}, {}, head_dim, norm,
                                        {row, kHeads, head_dim});
            }
            if (turns) {
              reference::rotate({.num_heads = kHeads,
                                 .head_dim = head_dim,
                                 .rotary_dim = head_dim,
                                 .cos = cos.data(),
                                 .sin = sin.data(),
                                 .positions = positions.data() + r},
                                {row, 1, width});
            }
          }
          EXPECT_TRUE(near_all(out, expected, kTolerance)) << head_dim << ", " << normalises << ", " << turns;
        }
      }
    }
  }
}

}  // namespace
}  // namespace valence::kernels
