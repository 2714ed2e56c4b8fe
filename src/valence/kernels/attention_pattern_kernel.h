/// \file
/// Self-attention with an AttentionPattern: fewer keys, terms added to the scores, heads of k and v shared.
///
/// Blocks are those of attention_kernel.h. Tiles of keys that no query of a block sees are left out; among the others,
/// a key that some query does not see gets the score -infinity there, and so the weight 0.
#pragma once

#include "valence/kernels/attention_kernel.h"
#include "valence/kernels/disentangled_kernel.h"

namespace valence::kernels {
namespace {

inline std::int64_t lesser(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
inline std::int64_t greater(std::int64_t a, std::int64_t b) { return a < b ? b : a; }

/// Keys that a block of queries sees at most.
template <class V>
std::int64_t longest_span(const AttentionPattern& pattern, std::int64_t max_seqlen) {
  if (pattern.window < 0 || pattern.window >= max_seqlen) return max_seqlen;
  const std::int64_t reach = AttentionScratch<V>::kQueries + (pattern.causal ? 1 : 2) * pattern.window;
  return lesser(reach, max_seqlen);
}

/// One head of one sequence.
struct PatternHead {
  HeadCall call;
  const AttentionPattern* pattern;
  std::int64_t first_position;  ///< of the first query
  std::int64_t window;          ///< the sequence's length if there is none
  const float* relative_bias;   ///< this head's
  const float* position_keys;
};

template <class V>
struct PatternScratch {
  AttentionScratch<V> block;
  std::int64_t span;  // keys that `block` has room for
  PositionScratch<V> positions;

  // Scores have room for a vector's width of further keys, see add_query_positions.
  static std::int64_t block_keys(const AttentionPattern& pattern, std::int64_t max_seqlen) {
    return longest_span<V>(pattern, max_seqlen) + V::kWidth;
  }
  static std::int64_t block_floats(const AttentionPattern& pattern, std::int64_t max_seqlen, std::int64_t head_dim) {
    return AttentionScratch<V>::floats(block_keys(pattern, max_seqlen), head_dim);
  }
  static std::int64_t floats(const AttentionPattern& pattern, std::int64_t max_seqlen, std::int64_t head_dim) {
    return block_floats(pattern, max_seqlen, head_dim) + PositionScratch<V>::floats(pattern, max_seqlen, head_dim);
  }
  PatternScratch(const AttentionPattern& pattern, std::int64_t max_seqlen, std::int64_t head_dim, float* scratch)
      : block(scratch, block_keys(pattern, max_seqlen), head_dim),
        span(longest_span<V>(pattern, max_seqlen)),
        positions(pattern, max_seqlen, scratch + block_floats(pattern, max_seqlen, head_dim)) {}
};

/// The keys that queries [query, query + count) of the block see.
inline KeyRange seen_keys(const PatternHead& head, std::int64_t position, std::int64_t count) {
  const std::int64_t last = position + count - 1;
  return {greater(0, position - head.window),
          lesser(head.call.keys, last + 1 + (head.pattern->causal ? 0 : head.window))};
}

/// multiply_rows for a number of vectors known only now, 1..kMaxVectors.
template <class V, int kMaxVectors>
void multiply_vectors(std::int64_t rows, std::int64_t vectors, const TileCall& call) {
  if constexpr (kMaxVectors > 1) {
    if (vectors < kMaxVectors) return multiply_vectors<V, kMaxVectors - 1>(rows, vectors, call);
  }
  multiply_rows<V, TileOperands::kRowsByRows, V::kTileRows, kMaxVectors, 0>(rows, call);
}

/// scores = q . k for keys [key, key + rows), in the vectors of queries that see any of them.
template <class V, int kVectors>
void score_keys(const PatternHead& head, const QueryBlock& block, std::int64_t key, std::int64_t rows,
                const float* queries, float* scores) {
  constexpr std::int64_t kLanes = kVectors * V::kWidth;
  const std::int64_t last = key + rows - 1;
  const std::int64_t first_lane = greater(0, key - (head.pattern->causal ? 0 : head.window) - block.position);
  const std::int64_t last_lane = lesser(block.count - 1, last + head.window - block.position);
  const std::int64_t first_vector = first_lane / V::kWidth;
  const std::int64_t vectors = last_lane / V::kWidth + 1 - first_vector;
  TileCall call;
  call.a = head.call.k + key * head.call.kv_stride;
  call.a_stride = head.call.kv_stride;
  call.b = queries + first_vector * V::kWidth;
  call.b_stride = kLanes;
  call.depth = head.call.head_dim;
  call.c = scores + first_vector * V::kWidth;
  call.c_stride = kLanes;
  if (vectors == kVectors) {
    return multiply_rows<V, TileOperands::kRowsByPanel, V::kTileRows, kVectors, 0>(rows, call);
  }
  if constexpr (kVectors > 1) multiply_vectors<V, kVectors - 1>(rows, vectors, call);
}

/// scores += relative_bias for keys [key, key + rows).
template <class V, int kVectors>
void add_relative_bias(const float* relative_bias, const QueryBlock& block, std::int64_t key, std::int64_t rows,
                       float* scores) {
  constexpr std::int64_t kLanes = kVectors * V::kWidth;
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* bias = relative_bias + (block.position - key - row);
    VALENCE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      float* score = scores + row * kLanes + v * V::kWidth;
      const std::int64_t lanes = block.count - v * V::kWidth;
      const auto more =
          lanes < V::kWidth ? V::load_partial(bias + v * V::kWidth, lanes) : V::load(bias + v * V::kWidth);
      V::store(score, V::add(V::load(score), more));
    }
  }
}

// As many as a block has queries.
inline constexpr float kLaneNumbers[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                         16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31,
                                         32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47};

/// Scores of `keys` become -infinity in the lanes that do not see them; row 0 of scores is the block's first key.
template <class V, int kVectors>
void hide_keys(const PatternHead& head, const QueryBlock& block, KeyRange keys, float* scores) {
  constexpr std::int64_t kLanes = kVectors * V::kWidth;
  static_assert(kLanes <= static_cast<std::int64_t>(sizeof kLaneNumbers / sizeof kLaneNumbers[0]));
  const auto hidden = V::broadcast(-__builtin_inff());
  for (std::int64_t key = keys.begin; key < keys.end; ++key) {
    const auto first =
        V::broadcast(static_cast<float>(key - (head.pattern->causal ? 0 : head.window) - block.position));
    const auto last = V::broadcast(static_cast<float>(key + head.window - block.position));
    VALENCE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      float* score = scores + (key - block.keys.begin) * kLanes + v * V::kWidth;
      const auto lanes = V::load(kLaneNumbers + v * V::kWidth);
      const auto from_first = V::select_less(lanes, first, hidden, V::load(score));
      V::store(score, V::select_less(last, lanes, hidden, from_first));
    }
  }
}

/// hide_keys for all keys of the block that some of its queries do not see.
template <class V, int kVectors>
void hide_unseen(const PatternHead& head, const QueryBlock& block, float* scores) {
  const KeyRange by_first = seen_keys(head, block.position, 1);
  const KeyRange by_last = seen_keys(head, block.position + block.count - 1, 1);
  const KeyRange before{block.keys.begin, lesser(by_last.begin, block.keys.end)};
  hide_keys<V, kVectors>(head, block, before, scores);
  hide_keys<V, kVectors>(head, block, {greater(before.end, by_first.end), block.keys.end}, scores);
}

/// The rows of `out` for queries [first, first + count), count <= kVectors vectors.
template <class V, int kVectors>
void attend_pattern_block(const PatternHead& head, std::int64_t first, std::int64_t count,
                          const PatternScratch<V>& scratch) {
  constexpr std::int64_t kLanes = kVectors * V::kWidth;
  const HeadCall& call = head.call;
  const AttentionPattern& pattern = *head.pattern;
  const std::int64_t padded = padded_head_dim<V>(call.head_dim);
  const std::int64_t position = head.first_position + first;
  const QueryBlock block{position, count, seen_keys(head, position, count)};
  float* const scores = scratch.block.scores;
  const float* values = scratch.block.values;
  if (scratch.span < call.keys) {
    copy_values<V>(call, block.keys, scratch.block.values);
  } else {
    values += block.keys.begin * padded;
  }
  transpose_queries<V, kVectors>(call, first, scratch.block.queries);

  const std::int64_t keys = block.keys.end - block.keys.begin;
  const std::int64_t key_tiles = (keys + V::kTileRows - 1) / V::kTileRows;
  for (std::int64_t tile = 0; tile < key_tiles; ++tile) {
    const std::int64_t begin = share_begin(keys, key_tiles, tile);
    const std::int64_t rows = share_begin(keys, key_tiles, tile + 1) - begin;
    const std::int64_t key = block.keys.begin + begin;
    float* tile_scores = scores + begin * kLanes;
    score_keys<V, kVectors>(head, block, key, rows, scratch.block.queries, tile_scores);
    if (pattern.position_queries != nullptr) {
      add_key_positions<V, kVectors>(call, position, key, rows, scratch.positions, tile_scores);
    }
    if (head.relative_bias != nullptr) {
      add_relative_bias<V, kVectors>(head.relative_bias, block, key, rows, tile_scores);
    }
  }
  if (head.position_keys != nullptr) {
    add_query_positions<V, kVectors>(call, pattern, head.position_keys, block, scratch.block.queries, scratch.positions,
                                     scores);
  }
  hide_unseen<V, kVectors>(head, block, scores);
  exponentiate_columns<V, kVectors>(scores, keys, scratch.block.inverse_sums);

  const std::int64_t query_tiles = (count + V::kValueRows - 1) / V::kValueRows;
  for (std::int64_t tile = 0; tile < query_tiles; ++tile) {
    const std::int64_t query = share_begin(count, query_tiles, tile);
    const std::int64_t rows = share_begin(count, query_tiles, tile + 1) - query;
    const KeyRange seen = seen_keys(head, position + query, rows);
    const std::int64_t skipped = seen.begin - block.keys.begin;
    TileCall product;
    product.a = scores + skipped * kLanes + query;
    product.a_stride = kLanes;
    product.b = values + skipped * padded;
    product.b_stride = padded;
    product.depth = seen.end - seen.begin;
    product.c = scratch.block.sums + query * padded;
    product.c_stride = padded;
    multiply_values<V, V::kValueVectors>(rows, product, padded);
  }
  store_rows<V>(call, first, count, scratch.block);
}

/// attend_pattern_block with as few vectors as `count` queries need.
template <class V, int kVectors>
void attend_pattern_queries(const PatternHead& head, std::int64_t first, std::int64_t count,
                            const PatternScratch<V>& scratch) {
  if constexpr (kVectors > 1) {
    if (count <= (kVectors - 1) * V::kWidth) {
      return attend_pattern_queries<V, kVectors - 1>(head, first, count, scratch);
    }
  }
  attend_pattern_block<V, kVectors>(head, first, count, scratch);
}

inline bool has_pattern(const AttentionPattern& pattern, std::int64_t num_heads) {
  return (pattern.num_kv_heads != 0 && pattern.num_kv_heads != num_heads) || pattern.causal || pattern.window >= 0 ||
         pattern.relative_bias != nullptr || pattern.position_keys != nullptr || pattern.position_queries != nullptr;
}

template <class V>
std::int64_t attention_scratch_floats(const AttentionPattern& pattern, std::int64_t max_seqlen,
                                      std::int64_t head_dim) noexcept {
  return PatternScratch<V>::floats(pattern, max_seqlen, head_dim);
}

/// Heads outside of sequences, for the positions of a head are spread once.
template <class V>
void attention_with_pattern(const AttentionCall& call) {
  constexpr std::int64_t kBlock = AttentionScratch<V>::kQueries;
  const AttentionPattern& pattern = call.pattern;
  std::int64_t max_seqlen = 0;
  for (std::int64_t s = 0; s < call.batch_size; ++s) {
    max_seqlen = greater(max_seqlen, call.cu_seqlens[s + 1] - call.cu_seqlens[s]);
  }
  if (max_seqlen == 0) return;
  const PatternScratch<V> scratch(pattern, max_seqlen, call.head_dim, call.scratch);
  const std::int64_t queries_a_kv_head = pattern.num_kv_heads == 0 ? 1 : call.num_heads / pattern.num_kv_heads;
  PatternHead head;
  head.pattern = &pattern;
  head.call.q_stride = call.q_stride;
  head.call.kv_stride = call.kv_stride;
  head.call.out_stride = call.out_stride;
  head.call.head_dim = call.head_dim;
  head.call.scale = call.scale;
  for (std::int64_t h = 0; h < call.num_heads; ++h) {
    const std::int64_t column = h * call.head_dim;
    const std::int64_t kv_column = h / queries_a_kv_head * call.head_dim;
    head.relative_bias =
        pattern.relative_bias == nullptr ? nullptr : pattern.relative_bias + h * pattern.relative_bias_stride;
    head.position_keys = pattern.position_keys == nullptr ? nullptr : pattern.position_keys + column;
    if (pattern.position_queries != nullptr) {
      spread_position_queries<V>(pattern, pattern.position_queries + column, call.head_dim, call.scale,
                                 scratch.positions);
    }
    for (std::int64_t s = 0; s < call.batch_size; ++s) {
      const std::int64_t first_token = call.cu_seqlens[s];
      head.call.keys = call.cu_seqlens[s + 1] - first_token;
      if (head.call.keys == 0) continue;
      const bool all = call.queries == AttentionQueries::kAll;
      const std::int64_t first_row = all ? first_token : s;
      head.call.queries = all ? head.call.keys : 1;
      head.first_position = call.queries == AttentionQueries::kLastOfEach ? head.call.keys - 1 : 0;
      head.window = pattern.window < 0 ? head.call.keys : lesser(pattern.window, head.call.keys);
      head.call.q = call.q + first_row * call.q_stride + column;
      head.call.k = call.k + first_token * call.kv_stride + kv_column;
      head.call.v = call.v + first_token * call.kv_stride + kv_column;
      head.call.out = call.out + first_row * call.out_stride + column;
      if (head.call.keys <= scratch.span) copy_values<V>(head.call, {0, head.call.keys}, scratch.block.values);
      for (std::int64_t query = 0; query < head.call.queries; query += kBlock) {
        attend_pattern_queries<V, V::kPanelVectors>(head, query, lesser(kBlock, head.call.queries - query), scratch);
      }
    }
  }
}

template <class V>
void attention(const AttentionCall& call) noexcept {
  has_pattern(call.pattern, call.num_heads) ? attention_with_pattern<V>(call) : attention_without_pattern<V>(call);
}

}  // namespace
}  // namespace valence::kernels
