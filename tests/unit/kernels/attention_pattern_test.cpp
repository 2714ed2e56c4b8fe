#include <cmath>
#include <cstdint>
#include <optional>
#include <string>

#include "unit/kernels/attention_calls.h"
#include "unit/kernels/decided_by_bias.h"

namespace valence::kernels {
namespace {

constexpr int kLongest = 300;

/// How far a distance is from 0 in a table of relative positions.
enum class Buckets { kLinear, kClamped, kLogarithmic, kJumping };

/// An AttentionPattern with the memory that it points into.
struct Pattern {
  std::string label{};
  std::int64_t num_kv_heads = 0;
  bool causal = false;
  std::int64_t window = -1;
  bool relative_bias = false;
  bool position_keys = false;
  bool position_queries = false;
  Buckets buckets = Buckets::kLinear;
};

class PatternMemory {
 public:
  PatternMemory(const Pattern& pattern, AttentionShape shape) : pattern_(pattern) {
    bias_ = random_floats(shape.num_heads * kDistances, 2.0F, 7);
    for (int distance = 1 - kLongest; distance < kLongest; ++distance) rows_.push_back(row(distance));
    position_stride_ = shape.num_heads * shape.head_dim + 3;
    position_keys_ = random_floats((rows_.back() + 1) * position_stride_, 1.0F, 8);
    position_queries_ = random_floats((rows_.back() + 1) * position_stride_, 1.0F, 9);
  }

  [[nodiscard]] AttentionPattern view() const {
    AttentionPattern view;
    view.num_kv_heads = pattern_.num_kv_heads;
    view.causal = pattern_.causal;
    view.window = pattern_.window;
    if (pattern_.relative_bias) {
      view.relative_bias = bias_.data() + kLongest - 1;
      view.relative_bias_stride = kDistances;
    }
    if (pattern_.position_keys) view.position_keys = position_keys_.data();
    if (pattern_.position_queries) view.position_queries = position_queries_.data();
    if (pattern_.position_keys || pattern_.position_queries) {
      view.position_stride = position_stride_;
      view.distance_rows = rows_.data() + kLongest - 1;
    }
    return view;
  }

 private:
  static constexpr std::int64_t kDistances = 2 * kLongest - 1;

  /// Symmetric about distance 0, at a middle row that leaves none negative.
  [[nodiscard]] std::int32_t row(int distance) const {
    const auto away = [&](int magnitude) -> int {
      switch (pattern_.buckets) {
        case Buckets::kLinear:
          return magnitude;
        case Buckets::kClamped:
          return std::min(magnitude, 40);
        case Buckets::kLogarithmic:
          return magnitude <= 16 ? magnitude : 16 + static_cast<int>(std::ceil(8 * std::log(magnitude / 16.0)));
        case Buckets::kJumping:
          return 3 * (magnitude / 2);
      }
      return 0;
    };
    const int middle = away(kLongest);
    return middle + (distance < 0 ? -away(-distance) : away(distance));
  }

  Pattern pattern_;
  std::vector<float> bias_;
  std::vector<std::int32_t> rows_;
  std::int64_t position_stride_ = 0;
  std::vector<float> position_keys_;
  std::vector<float> position_queries_;
};

// Every term and every limit alone, then those that architectures combine, then all at once.
const Pattern kPatterns[] = {
    {.label = "grouped-query", .num_kv_heads = 2},
    {.label = "causal", .causal = true},
    {.label = "window 0", .window = 0},
    {.label = "window 5", .window = 5},
    {.label = "window 64", .window = 64},
    {.label = "window 1000", .window = 1000},
    {.label = "bias by distance", .relative_bias = true},
    {.label = "query to position", .position_keys = true},
    {.label = "key to position", .position_queries = true},
    {.label = "disentangled", .position_keys = true, .position_queries = true},
    {.label = "disentangled, clamped", .position_keys = true, .position_queries = true, .buckets = Buckets::kClamped},
    {.label = "disentangled, logarithmic",
     .position_keys = true,
     .position_queries = true,
     .buckets = Buckets::kLogarithmic},
    {.label = "disentangled, rows left out",
     .position_keys = true,
     .position_queries = true,
     .buckets = Buckets::kJumping},
    {.label = "causal, grouped-query", .num_kv_heads = 1, .causal = true},
    {.label = "causal, window 20", .causal = true, .window = 20},
    {.label = "causal, bias", .causal = true, .relative_bias = true},
    {.label = "window 17, bias", .window = 17, .relative_bias = true},
    {.label = "everything",
     .num_kv_heads = 2,
     .causal = true,
     .window = 33,
     .relative_bias = true,
     .position_keys = true,
     .position_queries = true,
     .buckets = Buckets::kLogarithmic},
    {.label = "everything but causal",
     .num_kv_heads = 2,
     .window = 12,
     .relative_bias = true,
     .position_keys = true,
     .position_queries = true,
     .buckets = Buckets::kClamped},
};

std::int64_t kv_heads(const Pattern& pattern, AttentionShape shape) {
  return pattern.num_kv_heads == 0 ? shape.num_heads : pattern.num_kv_heads;
}
std::int64_t qkv_width(const Pattern& pattern, AttentionShape shape) {
  return (shape.num_heads + 2 * kv_heads(pattern, shape)) * shape.head_dim;
}

class PatternedAttention : public OnEachIsa {};
VALENCE_ON_EACH_ISA(PatternedAttention);

TEST_P(PatternedAttention, AgreesWithTheReferenceForEveryLength) {
  const AttentionShape shape{4, 16};
  for (const Pattern& pattern : kPatterns) {
    const PatternMemory memory(pattern, shape);
    for (const int length : {1, 2, 3, 15, 16, 17, 31, 32, 33, 47, 49, 64, 127, 128, 129, 130, kLongest}) {
      const auto cu_seqlens = offsets({length});
      const auto values = random_floats(length * qkv_width(pattern, shape), 2.0F);
      const QkvView qkv = packed_qkv(values.data(), shape, pattern.num_kv_heads);
      EXPECT_TRUE(near_all(attend(table(), shape, memory.view(), qkv, cu_seqlens),
                           expected_attention(shape, memory.view(), qkv, cu_seqlens), 2 * kAttentionTolerance))
          << pattern.label << ", " << length;
    }
  }
}

TEST_P(PatternedAttention, AgreesWithTheReferenceForEveryHeadSize) {
  for (const Pattern& pattern : kPatterns) {
    for (const std::int64_t head_dim : {1, 8, 20, 26, 48, 64, 80, 96, 128, 256}) {
      const AttentionShape shape{2, head_dim, 0.125F};
      const PatternMemory memory(pattern, shape);
      const auto cu_seqlens = offsets({5, 1, 70, 0, 33});
      const auto values = random_floats(cu_seqlens.back() * qkv_width(pattern, shape));
      const QkvView qkv = packed_qkv(values.data(), shape, pattern.num_kv_heads);
      EXPECT_TRUE(near_all(attend(table(), shape, memory.view(), qkv, cu_seqlens),
                           expected_attention(shape, memory.view(), qkv, cu_seqlens), kAttentionTolerance))
          << pattern.label << ", " << head_dim;
    }
  }
}

TEST_P(PatternedAttention, BitsOfASequenceDoNotDependOnTheBatch) {
  const AttentionShape shape{4, 20};
  const std::vector<int> lengths = {1, 40, 7, 130, 16, 0, 49, 3, kLongest};
  const auto cu_seqlens = offsets(lengths);
  for (const Pattern& pattern : kPatterns) {
    const PatternMemory memory(pattern, shape);
    const std::int64_t width = qkv_width(pattern, shape);
    const auto values = random_floats(cu_seqlens.back() * width, 2.0F);
    const auto together =
        attend(table(), shape, memory.view(), packed_qkv(values.data(), shape, pattern.num_kv_heads), cu_seqlens);
    for (std::size_t s = 0; s < lengths.size(); ++s) {
      const QkvView qkv = packed_qkv(values.data() + cu_seqlens[s] * width, shape, pattern.num_kv_heads);
      const auto alone = attend(table(), shape, memory.view(), qkv, offsets({lengths[s]}));
      EXPECT_TRUE(same_bits(alone.data(), together.data() + cu_seqlens[s] * 80, lengths[s] * 80))
          << pattern.label << ", " << s;
    }
  }
}

TEST_P(PatternedAttention, FirstAndLastTokensAloneComeOutAsAmongAll) {
  const AttentionShape shape{4, 32};
  constexpr std::int64_t kHidden = 128;
  const auto cu_seqlens = offsets({17, 1, 60, 128, 64, 130});
  const auto sequences = std::ssize(cu_seqlens) - 1;
  std::vector<Pattern> patterns(std::begin(kPatterns), std::end(kPatterns));
  patterns.push_back({.label = "plain"});
  for (const Pattern& pattern : patterns) {
    const PatternMemory memory(pattern, shape);
    const auto values = random_floats(cu_seqlens.back() * qkv_width(pattern, shape), 2.0F);
    QkvView qkv = packed_qkv(values.data(), shape, pattern.num_kv_heads);
    const auto all = attend(table(), shape, memory.view(), qkv, cu_seqlens);
    const std::int64_t stride = qkv.q_stride;
    for (const auto which : {AttentionQueries::kFirstOfEach, AttentionQueries::kLastOfEach}) {
      std::vector<std::int64_t> tokens;
      std::vector<float> queries;
      for (std::int64_t s = 0; s < sequences; ++s) {
        tokens.push_back(which == AttentionQueries::kFirstOfEach ? cu_seqlens[s] : cu_seqlens[s + 1] - 1);
        const auto row = values.begin() + tokens.back() * stride;
        queries.insert(queries.end(), row, row + kHidden);
      }
      qkv.q = queries.data();
      qkv.q_stride = kHidden;
      const auto some = attend(table(), shape, memory.view(), qkv, cu_seqlens, which);
      for (std::int64_t s = 0; s < sequences; ++s) {
        EXPECT_TRUE(same_bits(some.data() + s * kHidden, all.data() + tokens[s] * kHidden, kHidden))
            << pattern.label << ", " << s;
      }
    }
  }
}

TEST_P(PatternedAttention, WhatAQueryDoesNotSeeDoesNotMatter) {
  const AttentionShape shape{1, 16};
  constexpr int kLength = 120;
  constexpr int kChanged = 60;
  for (const Pattern& pattern : {Pattern{.causal = true}, Pattern{.window = 9}, Pattern{.causal = true, .window = 9}}) {
    const PatternMemory memory(pattern, shape);
    auto values = random_floats(kLength * 48, 2.0F);
    const auto before = attend(table(), shape, memory.view(), packed_qkv(values.data(), shape), offsets({kLength}));
    for (int i = 16; i < 48; ++i) values[kChanged * 48 + i] = 1e20F;  // k and v
    const auto after = attend(table(), shape, memory.view(), packed_qkv(values.data(), shape), offsets({kLength}));
    for (int t = 0; t < kLength; ++t) {
      const bool seen =
          (!pattern.causal || t >= kChanged) && (pattern.window < 0 || std::abs(t - kChanged) <= pattern.window);
      EXPECT_EQ(same_bits(before.data() + t * 16, after.data() + t * 16, 16), !seen) << t;
    }
  }
}

TEST_P(PatternedAttention, ScoresFarApartPickTheirKey) {
  const DecidedByBias decided;
  const auto qkv = packed_qkv(decided.values.data(), DecidedByBias::kShape);
  for (const AttentionPattern& pattern : decided.patterns()) {
    const auto out = attend(table(), DecidedByBias::kShape, pattern, qkv, offsets({DecidedByBias::kLength}));
    for (int t = 0; t < DecidedByBias::kLength; ++t) EXPECT_EQ(out[t * 16], DecidedByBias::winner(t)) << t;
  }
}

TEST_P(PatternedAttention, ScratchOfAWindowDoesNotGrowWithTheSequence) {
  const AttentionShape shape{1, 64};
  const auto floats = [&](std::int64_t length) {
    return self_attention_scratch_floats(table(), shape, {.window = 64}, length);
  };
  EXPECT_EQ(floats(8192), floats(512));
  EXPECT_LE(floats(128), floats(512));
}

}  // namespace
}  // namespace valence::kernels
