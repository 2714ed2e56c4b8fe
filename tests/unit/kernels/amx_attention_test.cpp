#include <cmath>
#include <limits>

#include "unit/kernels/amx_attention_calls.h"
#include "valence/kernels/reference.h"

namespace valence::kernels {
namespace {

class AmxAttention : public OnEachAmxTable {
 protected:
  static std::vector<float> attend(AttentionShape shape, const Projected& qkv,
                                   const std::vector<std::int32_t>& cu_seqlens, const AttendOptions& options = {}) {
    return attend_on_tiles(kernels(), shape, qkv, cu_seqlens, options);
  }
  static std::vector<double> reference_of(AttentionShape shape, const Projected& qkv,
                                          const std::vector<std::int32_t>& cu_seqlens) {
    const std::int64_t hidden = shape.num_heads * shape.head_dim;
    std::vector<double> expected(static_cast<std::size_t>(cu_seqlens.back() * hidden));
    reference::self_attention(shape, packed_qkv(qkv.values.data(), shape), cu_seqlens, AttentionQueries::kAll,
                              rows_of(expected, hidden));
    return expected;
  }
  static double tolerance() { return attention_tolerance(kernels()); }
};
VALENCE_ON_EACH_AMX_TABLE(AmxAttention);

const std::vector<std::int32_t> kSequences{0, 1, 3, 20, 20, 36, 53, 117, 220};

TEST_P(AmxAttention, IsNearTheReferenceForEveryHeadSize) {
  for (const std::int64_t head_dim : {1, 5, 16, 20, 32, 48, 64, 72, 96, 128}) {
    const AttentionShape shape{3, head_dim};
    const Projected qkv(kernels(), random_floats(kSequences.back() * 9 * head_dim, 2.0F));
    const auto expected = reference_of(shape, qkv, kSequences);
    for (const StagingLayout layout : {StagingLayout::kRows, StagingLayout::kOwn}) {
      EXPECT_TRUE(near_all(attend(shape, qkv, kSequences, {.layout = layout}), expected, tolerance())) << head_dim;
    }
  }
}

TEST_P(AmxAttention, IsNearTheReferenceForEveryLength) {
  const AttentionShape shape{1, 32};
  for (const int length : {1, 2, 15, 16, 17, 31, 32, 33, 48, 49, 63, 64, 65, 96, 127, 300, 512}) {
    const Projected qkv(kernels(), random_floats(length * 96, 2.0F));
    EXPECT_TRUE(near_all(attend(shape, qkv, {0, length}), reference_of(shape, qkv, {0, length}), tolerance()))
        << length;
  }
}

TEST_P(AmxAttention, FirstOfEachGivesTheBitsOfTheFirstRows) {
  const AttentionShape shape{2, 32};
  const std::vector<std::int32_t> sequences{0, 1, 3, 20, 36, 53, 117};
  const Projected qkv(kernels(), random_floats(sequences.back() * 192, 2.0F));
  const auto all = attend(shape, qkv, sequences);
  const auto first = attend(shape, qkv, sequences, {.queries = AttentionQueries::kFirstOfEach});
  for (std::size_t s = 0; s + 1 < sequences.size(); ++s) {
    EXPECT_TRUE(same_bits(first.data() + s * 64, all.data() + sequences[s] * 64, 64)) << s;
  }
}

TEST_P(AmxAttention, BitsOfASequenceDoNotDependOnTheBatch) {
  const AttentionShape shape{2, 64};
  const auto values = random_floats(kSequences.back() * 384, 2.0F);
  const auto together = attend(shape, Projected(kernels(), values), kSequences);
  for (std::size_t s = 0; s + 1 < kSequences.size(); ++s) {
    const int length = kSequences[s + 1] - kSequences[s];
    const std::vector<float> own(values.begin() + kSequences[s] * 384, values.begin() + kSequences[s + 1] * 384);
    const auto alone = attend(shape, Projected(kernels(), own), {0, length});
    EXPECT_TRUE(same_bits(alone.data(), together.data() + kSequences[s] * 128, length * 128)) << s;
  }
}

TEST_P(AmxAttention, HeadsMayBeDividedOverCalls) {
  for (const std::int64_t head_dim : {16, 32}) {
    const AttentionShape shape{3, head_dim};
    const Projected qkv(kernels(), random_floats(kSequences.back() * 9 * head_dim, 2.0F));
    const auto whole = attend(shape, qkv, kSequences);
    const auto part = attend(shape, qkv, kSequences, {.first_head = 1, .heads = 1});
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const auto head = static_cast<std::int64_t>(i) % (3 * head_dim) / head_dim;
      EXPECT_TRUE(head == 1 ? part[i] == whole[i] : std::isnan(part[i])) << i;  // what is not written stays
    }
  }
}

// Beyond what the fast softmax of bf16 can hold, upwards (2^360), downwards (2^-360), and both.
TEST_P(AmxAttention, FarScoresGiveTheirSoftmax) {
  const AttentionShape shape{1, 16};
  constexpr int kTokens = 20;
  for (const float large : {1.0F, -1.0F}) {
    for (const float spread : {0.0F, 1.0F, 100.0F}) {
      std::vector<float> qkv(kTokens * 48);
      for (std::size_t token = 0; token < kTokens; ++token) {
        qkv[token * 48] = token % 3 == 0 ? 1.0F : 32.0F;
        qkv[token * 48 + 16] = 32.0F * large + spread * static_cast<float>(token) / 16.0F;
        qkv[token * 48 + 32] = static_cast<float>(token) / 8.0F;
      }
      const Projected projected(kernels(), qkv);
      EXPECT_TRUE(
          near_all(attend(shape, projected, {0, kTokens}), reference_of(shape, projected, {0, kTokens}), tolerance()))
          << large << ", " << spread;
    }
  }
}

TEST_P(AmxAttention, HugeScoresPickTheirKey) {
  const AttentionShape shape{1, 16};
  for (const float huge : {2000.0F, 60000.0F}) {
    std::vector<float> qkv(8 * 48);
    for (std::size_t token = 0; token < 8; ++token) {
      qkv[token * 48] = huge;
      qkv[token * 48 + 16] = token == 5 ? huge : -huge;
      qkv[token * 48 + 32] = static_cast<float>(token);
    }
    const auto out = attend(shape, Projected(kernels(), qkv), {0, 8});
    for (std::size_t token = 0; token < 8; ++token) EXPECT_EQ(out[token * 16], 5.0F);
  }
}

// f32 has no such scores: they must not pass as small ones.
TEST_P(AmxAttention, ScoresBeyondF32AreNoNumbers) {
  if (&kernels() == &kFp16Amx) GTEST_SKIP() << "products of fp16 stay below";
  const AttentionShape shape{1, 16};
  std::vector<float> qkv(8 * 48, 1.0F);
  for (std::size_t token = 0; token < 8; ++token) qkv[token * 48] = 1e30F;
  qkv[5 * 48 + 16] = 1e30F;
  for (const float v : attend(shape, Projected(kernels(), qkv), {0, 8})) EXPECT_FALSE(std::isfinite(v));
}

TEST_P(AmxAttention, WhatIsNoNumberShowsInItsSequenceAndInNoOther) {
  const AttentionShape shape{1, 32};
  auto qkv = random_floats(90 * 96);
  const std::vector<std::int32_t> sequences{0, 10, 60, 90};
  const auto untouched = attend(shape, Projected(kernels(), qkv), sequences);
  for (const float bad_value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const std::size_t part : {0, 32, 64}) {
      auto bad = qkv;
      bad[55 * 96 + part + 3] = bad_value;
      const auto out = attend(shape, Projected(kernels(), bad), sequences);
      for (std::size_t token = 0; token < 90; ++token) {
        const bool same_sequence = token >= 10 && token < 60;
        if (!same_sequence) {
          EXPECT_EQ(out[token * 32 + 3], untouched[token * 32 + 3]);
        }
        // A query is its own row's affair; a key or a value everybody's (an infinite key: of who looks its way).
        const bool must_show = part == 0 ? token == 55 : same_sequence && (part == 64 || std::isnan(bad_value));
        if (must_show) {
          EXPECT_FALSE(std::isfinite(out[token * 32 + 3])) << "token " << token << ", part " << part;
        }
      }
    }
  }
}

}  // namespace
}  // namespace valence::kernels
