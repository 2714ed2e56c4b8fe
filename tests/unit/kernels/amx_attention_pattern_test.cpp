#include <cmath>
#include <string>

#include "unit/kernels/amx_attention_calls.h"
#include "unit/kernels/decided_by_bias.h"
#include "valence/kernels/reference.h"

namespace valence::kernels {
namespace {

constexpr int kLongest = 513;
constexpr std::int64_t kDistances = 2 * kLongest - 1;

struct Pattern {
  std::string label{};
  std::int64_t num_kv_heads = 0;
  bool causal = false;
  std::int64_t window = -1;
  bool relative_bias = false;
  bool position_keys = false;
  bool position_queries = false;
  bool logarithmic = false;
};

// Each limit and term alone, then together.
const Pattern kPatterns[] = {
    {.label = "grouped-query", .num_kv_heads = 2},
    {.label = "causal", .causal = true},
    {.label = "window 0", .window = 0},
    {.label = "window 5", .window = 5},
    {.label = "window 64", .window = 64},
    {.label = "window 1000", .window = 1000},
    {.label = "bias by distance", .relative_bias = true},
    {.label = "causal, grouped-query", .num_kv_heads = 1, .causal = true},
    {.label = "causal, window 20", .causal = true, .window = 20},
    {.label = "causal, window 0", .causal = true, .window = 0},
    {.label = "causal, bias", .causal = true, .relative_bias = true},
    {.label = "everything", .num_kv_heads = 2, .causal = true, .window = 33, .relative_bias = true},
    {.label = "everything but causal", .num_kv_heads = 2, .window = 17, .relative_bias = true},
    {.label = "query to position", .position_keys = true},
    {.label = "key to position", .position_queries = true},
    {.label = "disentangled", .position_keys = true, .position_queries = true},
    {.label = "disentangled, logarithmic", .position_keys = true, .position_queries = true, .logarithmic = true},
    {.label = "disentangled, everything",
     .num_kv_heads = 2,
     .causal = true,
     .window = 40,
     .relative_bias = true,
     .position_keys = true,
     .position_queries = true,
     .logarithmic = true},
};

class AmxPatternedAttention : public OnEachAmxTable {
 protected:
  void SetUp() override {
    OnEachAmxTable::SetUp();
    if (!IsSkipped() && !kernels().attends_with_patterns) GTEST_SKIP() << "its patterns run in f32";
  }
  [[nodiscard]] AttentionPattern view(const Pattern& pattern) const {
    AttentionPattern view;
    if (pattern.position_keys) view.position_keys = position_keys_.data();
    if (pattern.position_queries) view.position_queries = position_queries_.data();
    if (pattern.position_keys || pattern.position_queries) {
      view.position_stride = kPositionStride;
      view.distance_rows = (pattern.logarithmic ? logarithmic_ : linear_).data() + kLongest - 1;
    }
    view.num_kv_heads = pattern.num_kv_heads;
    view.causal = pattern.causal;
    view.window = pattern.window;
    if (pattern.relative_bias) {
      view.relative_bias = bias_.data() + kLongest - 1;
      view.relative_bias_stride = kDistances;
    }
    return view;
  }
  static std::int64_t width(const Pattern& pattern, AttentionShape shape) {
    const std::int64_t kv_heads = pattern.num_kv_heads == 0 ? shape.num_heads : pattern.num_kv_heads;
    return (shape.num_heads + 2 * kv_heads) * shape.head_dim;
  }
  static std::vector<float> attend(AttentionShape shape, const AttentionPattern& pattern, const Projected& qkv,
                                   const std::vector<std::int32_t>& cu_seqlens,
                                   AttentionQueries queries = AttentionQueries::kAll) {
    return attend_on_tiles(kernels(), shape, qkv, cu_seqlens, {.queries = queries, .pattern = pattern});
  }
  static std::vector<double> reference_of(AttentionShape shape, const AttentionPattern& pattern, const Projected& qkv,
                                          const std::vector<std::int32_t>& cu_seqlens) {
    const std::int64_t hidden = shape.num_heads * shape.head_dim;
    std::vector<double> expected(static_cast<std::size_t>(cu_seqlens.back() * hidden));
    reference::self_attention(shape, pattern, packed_qkv(qkv.values.data(), shape, pattern.num_kv_heads), cu_seqlens,
                              AttentionQueries::kAll, rows_of(expected, hidden));
    return expected;
  }
  static double tolerance() { return attention_tolerance(kernels()); }

 private:
  static constexpr std::int64_t kPositionStride = 4 * 256 + 3;

  static std::vector<std::int32_t> distance_rows(bool logarithmic) {
    const auto away = [&](int n) {
      return logarithmic && n > 16 ? 16 + static_cast<int>(std::ceil(8 * std::log(n / 16.0))) : n;
    };
    std::vector<std::int32_t> rows;
    for (int d = 1 - kLongest; d < kLongest; ++d) rows.push_back(away(kLongest) + (d < 0 ? -away(-d) : away(d)));
    return rows;
  }
  /// Values of bf16, so that the reference reads what the tiles read.
  static std::vector<float> table(unsigned seed) {
    return Projected(kBf16Amx, random_floats((kDistances + 2) * kPositionStride, 1.0F, seed)).values;
  }

  std::vector<std::int32_t> linear_ = distance_rows(false);
  std::vector<std::int32_t> logarithmic_ = distance_rows(true);
  std::vector<float> position_keys_ = table(8);
  std::vector<float> position_queries_ = table(9);
  std::vector<float> bias_ = random_floats(4 * kDistances, 2.0F, 7);
};
VALENCE_ON_EACH_AMX_TABLE(AmxPatternedAttention);

TEST_P(AmxPatternedAttention, IsNearTheReferenceForEveryLength) {
  const AttentionShape shape{4, 16};
  for (const Pattern& pattern : kPatterns) {
    for (const int length : {1, 2, 15, 16, 17, 31, 32, 33, 64, 65, 100, 160, kLongest}) {
      const Projected qkv(kernels(), random_floats(length * width(pattern, shape), 2.0F));
      EXPECT_TRUE(near_all(attend(shape, view(pattern), qkv, {0, length}),
                           reference_of(shape, view(pattern), qkv, {0, length}), tolerance()))
          << pattern.label << ", " << length;
    }
  }
}

TEST_P(AmxPatternedAttention, IsNearTheReferenceForEveryHeadSize) {
  const std::vector<std::int32_t> sequences{0, 5, 6, 106, 106, 139};
  for (const Pattern& pattern : kPatterns) {
    for (const std::int64_t head_dim : {1, 16, 20, 32, 64, 80, 128, 256}) {
      const AttentionShape shape{4, head_dim};
      const Projected qkv(kernels(), random_floats(sequences.back() * width(pattern, shape), 2.0F));
      EXPECT_TRUE(near_all(attend(shape, view(pattern), qkv, sequences),
                           reference_of(shape, view(pattern), qkv, sequences), tolerance()))
          << pattern.label << ", " << head_dim;
    }
  }
}

TEST_P(AmxPatternedAttention, BitsOfASequenceDoNotDependOnTheBatch) {
  const AttentionShape shape{4, 20};
  const std::vector<std::int32_t> sequences{0, 1, 41, 48, 178, 194, 194, 243, 246, 546};
  for (const Pattern& pattern : kPatterns) {
    const std::int64_t row = width(pattern, shape);
    const auto values = random_floats(sequences.back() * row, 2.0F);
    const auto together = attend(shape, view(pattern), Projected(kernels(), values), sequences);
    for (std::size_t s = 0; s + 1 < sequences.size(); ++s) {
      const std::int32_t length = sequences[s + 1] - sequences[s];
      const std::vector<float> own(values.begin() + sequences[s] * row, values.begin() + sequences[s + 1] * row);
      const auto alone = attend(shape, view(pattern), Projected(kernels(), own), {0, length});
      EXPECT_TRUE(same_bits(alone.data(), together.data() + sequences[s] * 80, length * 80))
          << pattern.label << ", " << s;
    }
  }
}

TEST_P(AmxPatternedAttention, FirstAndLastTokensAloneComeOutAsAmongAll) {
  const AttentionShape shape{4, 32};
  const std::vector<std::int32_t> sequences{0, 17, 18, 78, 206, 270, 400, 913};
  for (const Pattern& pattern : kPatterns) {
    const Projected qkv(kernels(), random_floats(sequences.back() * width(pattern, shape), 2.0F));
    const auto all = attend(shape, view(pattern), qkv, sequences);
    for (const auto which : {AttentionQueries::kFirstOfEach, AttentionQueries::kLastOfEach}) {
      const auto some = attend(shape, view(pattern), qkv, sequences, which);
      for (std::size_t s = 0; s + 1 < sequences.size(); ++s) {
        const std::int32_t token = which == AttentionQueries::kFirstOfEach ? sequences[s] : sequences[s + 1] - 1;
        EXPECT_TRUE(same_bits(some.data() + s * 128, all.data() + token * 128, 128)) << pattern.label << ", " << s;
      }
    }
  }
}

TEST_P(AmxPatternedAttention, HeadsMayBeDividedOverCalls) {
  const AttentionShape shape{4, 16};
  const std::vector<std::int32_t> sequences{0, 40, 103};
  for (const Pattern& pattern : kPatterns) {
    const Projected qkv(kernels(), random_floats(sequences.back() * width(pattern, shape), 2.0F));
    const auto whole = attend(shape, view(pattern), qkv, sequences);
    const auto part =
        attend_on_tiles(kernels(), shape, qkv, sequences, {.first_head = 1, .heads = 2, .pattern = view(pattern)});
    for (std::size_t i = 0; i < whole.size(); ++i) {
      const std::size_t head = i % 64 / 16;
      EXPECT_TRUE(head == 1 || head == 2 ? part[i] == whole[i] : std::isnan(part[i])) << pattern.label << ", " << i;
    }
  }
}

TEST_P(AmxPatternedAttention, WhatAQueryDoesNotSeeDoesNotMatter) {
  const AttentionShape shape{1, 16};
  constexpr int kLength = 120;
  constexpr int kChanged = 60;
  for (const Pattern& pattern : {Pattern{.causal = true}, Pattern{.window = 9}, Pattern{.causal = true, .window = 9},
                                 Pattern{.causal = true, .relative_bias = true}}) {
    auto values = random_floats(kLength * 48, 2.0F);
    const auto before = attend(shape, view(pattern), Projected(kernels(), values), {0, kLength});
    for (int i = 16; i < 48; ++i) values[kChanged * 48 + i] = 1e4F;  // k and v, within what rows of fp16 hold
    const auto after = attend(shape, view(pattern), Projected(kernels(), values), {0, kLength});
    for (int t = 0; t < kLength; ++t) {
      const bool seen =
          (!pattern.causal || t >= kChanged) && (pattern.window < 0 || std::abs(t - kChanged) <= pattern.window);
      if (!seen) {
        EXPECT_TRUE(same_bits(before.data() + t * 16, after.data() + t * 16, 16)) << t;
      }
    }
  }
}

TEST_P(AmxPatternedAttention, ScoresFarApartPickTheirKey) {
  const DecidedByBias decided;
  const Projected qkv(kernels(), decided.values);
  for (const AttentionPattern& pattern : decided.patterns()) {
    const auto out = attend(DecidedByBias::kShape, pattern, qkv, {0, DecidedByBias::kLength});
    for (int t = 0; t < DecidedByBias::kLength; ++t) EXPECT_EQ(out[t * 16], DecidedByBias::winner(t)) << t;
  }
}

// Scores of 500 and of -500 are beyond what the fast softmax of bf16 holds: such rows are made in f32.
TEST_P(AmxPatternedAttention, FarScoresGiveTheirSoftmax) {
  const AttentionShape shape{4, 16};
  constexpr int kTokens = 75;
  for (const Pattern& pattern : kPatterns) {
    const std::int64_t row = width(pattern, shape);
    for (const float large : {500.0F, -500.0F}) {
      auto values = random_floats(kTokens * row, 1.0F);
      for (int t = 0; t < kTokens; ++t) {
        const std::int64_t kv_heads = pattern.num_kv_heads == 0 ? 4 : pattern.num_kv_heads;
        // Half of the queries meet all keys in their first column; scale 1 / 4.
        for (int h = 0; h < 4; ++h) values[t * row + h * 16] = t % 2 == 0 ? 4.0F : 0.0F;
        for (int h = 0; h < kv_heads; ++h) values[t * row + 64 + h * 16] = large;
      }
      const Projected qkv(kernels(), values);
      EXPECT_TRUE(near_all(attend(shape, view(pattern), qkv, {0, kTokens}),
                           reference_of(shape, view(pattern), qkv, {0, kTokens}), tolerance()))
          << pattern.label << ", " << large;
    }
  }
}

TEST_P(AmxPatternedAttention, WhatIsNoNumberShowsWhereItIsSeen) {
  const AttentionShape shape{1, 32};
  const std::vector<std::int32_t> sequences{0, 10, 110, 140};
  constexpr int kBad = 55;
  for (const Pattern& pattern : {Pattern{.causal = true}, Pattern{.window = 9}, Pattern{.relative_bias = true}}) {
    auto values = random_floats(140 * 96);
    const auto untouched = attend(shape, view(pattern), Projected(kernels(), values), sequences);
    for (const int part : {0, 32}) {  // a query, a key
      auto bad = values;
      bad[kBad * 96 + part + 3] = std::numeric_limits<float>::quiet_NaN();
      const auto out = attend(shape, view(pattern), Projected(kernels(), bad), sequences);
      for (int t = 0; t < 140; ++t) {
        const bool sees = t >= 10 && t < 110 && (!pattern.causal || t >= kBad) &&
                          (pattern.window < 0 || std::abs(t - kBad) <= pattern.window);
        if (part == 0 ? t == kBad : sees) {
          EXPECT_TRUE(std::isnan(out[t * 32 + 3])) << pattern.label << ", token " << t << ", part " << part;
        } else {
          EXPECT_TRUE(same_bits(out.data() + t * 32, untouched.data() + t * 32, 32)) << "token " << t;
        }
      }
    }
  }
}

}  // namespace
}  // namespace valence::kernels
