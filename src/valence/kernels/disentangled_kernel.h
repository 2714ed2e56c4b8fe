/// \file
/// Scores of relative positions, as disentangled attention adds them (He et al. 2021, DeBERTa): for a query at position
/// i and a key at j, q_i . position_keys[row(i - j)] and k_j . position_queries[row(i - j)].
///
/// Both are wanted as [keys][queries] with consecutive queries in the lanes, so a key's scores stand in consecutive
/// distances. The second term gets there by having the distances in the columns of the product. The first is a product
/// for each row of the table, [rows][queries], whose diagonals are the scores of a key; a vector and its neighbours are
/// skewed in registers, log2(width) steps of blends, which takes a fifth of the time of a gather.
#pragma once

#include "valence/kernels/attention_kernel.h"

namespace valence::kernels {
namespace {

// Keys of a tile of key-to-position scores: half as many as of plain scores, for it is a vector or two wider.
template <class V>
inline constexpr int kBandRows = V::kTileRows / 2;

/// Vectors that hold the distances between a tile of keys and a block of queries.
template <class V, int kVectors>
inline constexpr int kBandVectors = kVectors + (V::kTileRows + V::kWidth - 2) / V::kWidth;

/// Rows of a table that distances from -reach to reach use.
inline std::int64_t rows_within(const AttentionPattern& pattern, std::int64_t reach) {
  return pattern.distance_rows[reach] - pattern.distance_rows[-reach] + 1;
}

/// The scratch of one head, cut up.
template <class V>
struct PositionScratch {
  static constexpr std::int64_t kLanes = AttentionScratch<V>::kQueries;
  static constexpr std::int64_t kBandColumns = kBandVectors<V, V::kPanelVectors> * V::kWidth;

  float* band;              // [tile of keys][distances]
  float* position_scores;   // [rows][lanes]: q . position_keys
  float* position_queries;  // [head_dim][column_stride], distance d in column d + reach
  std::int64_t reach;       // the greatest distance
  std::int64_t column_stride;

  /// Steps of a product are not whole pages apart: they would push each other out of the level-1 cache.
  static std::int64_t stride_of(std::int64_t max_seqlen) {
    constexpr std::int64_t kLine = 16;
    return ((2 * max_seqlen + kBandColumns + kLine - 1) / kLine | 1) * kLine;
  }
  static std::int64_t floats(const AttentionPattern& pattern, std::int64_t max_seqlen, std::int64_t head_dim) {
    if (max_seqlen == 0) return 0;
    std::int64_t floats = 0;
    if (pattern.position_keys != nullptr) floats += rows_within(pattern, max_seqlen - 1) * kLanes;
    if (pattern.position_queries != nullptr) floats += V::kTileRows * kBandColumns + head_dim * stride_of(max_seqlen);
    return floats;
  }
  PositionScratch(const AttentionPattern& pattern, std::int64_t max_seqlen, float* scratch) {
    reach = max_seqlen - 1;
    column_stride = stride_of(max_seqlen);
    band = scratch;
    position_queries = band + V::kTileRows * kBandColumns;
    position_scores = scratch;
    if (pattern.position_keys != nullptr && pattern.position_queries != nullptr) {
      band = scratch + rows_within(pattern, reach) * kLanes;
      position_queries = band + V::kTileRows * kBandColumns;
    }
  }
};

/// A block of queries, the first of which has this position, and the keys that it sees.
struct QueryBlock {
  std::int64_t position;
  std::int64_t count;
  KeyRange keys;
};

/// scratch.position_queries[d][column] = scale * position_queries[row of the column's distance][d].
template <class V>
void spread_position_queries(const AttentionPattern& pattern, const float* position_queries, std::int64_t head_dim,
                             float scale, const PositionScratch<V>& scratch) {
  for (std::int64_t column = 0; column + V::kWidth <= scratch.column_stride; column += V::kWidth) {
    const float* rows[V::kWidth];
    for (int lane = 0; lane < V::kWidth; ++lane) {
      const std::int64_t distance = column + lane - scratch.reach;
      rows[lane] = position_queries +
                   pattern.distance_rows[distance < scratch.reach ? distance : scratch.reach] * pattern.position_stride;
    }
    transpose_rows<V>(rows, head_dim, scale, scratch.position_queries + column, scratch.column_stride);
  }
}

/// scores += k . position_queries for keys [key, key + rows), rows <= kTileRows.
template <class V, int kVectors>
void add_key_positions(const HeadCall& head, std::int64_t position, std::int64_t key, std::int64_t rows,
                       const PositionScratch<V>& scratch, float* scores) {
  constexpr std::int64_t kLanes = kVectors * V::kWidth;
  constexpr std::int64_t kColumns = kBandVectors<V, kVectors> * V::kWidth;
  const std::int64_t first_distance = position - (key + rows - 1);
  TileCall call;
  call.a_stride = head.kv_stride;
  call.b = scratch.position_queries + first_distance + scratch.reach;
  call.b_stride = scratch.column_stride;
  call.depth = head.head_dim;
  call.c_stride = kColumns;
  const std::int64_t tiles = (rows + kBandRows<V> - 1) / kBandRows<V>;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t row = share_begin(rows, tiles, tile);
    call.a = head.k + (key + row) * head.kv_stride;
    call.c = scratch.band + row * kColumns;
    multiply_rows<V, TileOperands::kRowsByRows, kBandRows<V>, kBandVectors<V, kVectors>, 0>(
        share_begin(rows, tiles, tile + 1) - row, call);
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    const float* band = scratch.band + row * kColumns + (rows - 1 - row);
    VALENCE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      float* score = scores + row * kLanes + v * V::kWidth;
      V::store(score, V::add(V::load(score), V::load(band + v * V::kWidth)));
    }
  }
}

/// x[s], for s below the width, becomes {x[s][0], x[s + 1][1], x[s + 2][2], ...}; x has 2 * width - 1 vectors.
template <class V, int kBit = V::kWidth / 2>
void skew(typename V::Vec* x) {
  VALENCE_UNROLL_32
  for (int s = 0; s < V::kWidth + kBit - 1; ++s) x[s] = V::template select_lanes<kBit>(x[s], x[s + kBit]);
  if constexpr (kBit > 1) skew<V, kBit / 2>(x);
}

/// scores += q . position_keys for the keys of the block; up to a vector's width of rows after them is written to.
template <class V, int kVectors>
void add_query_positions(const HeadCall& head, const AttentionPattern& pattern, const float* position_keys,
                         const QueryBlock& block, const float* queries, const PositionScratch<V>& scratch,
                         float* scores) {
  using Vec = typename V::Vec;
  constexpr std::int64_t kLanes = kVectors * V::kWidth;
  constexpr int kInputs = 2 * V::kWidth - 1;
  const std::int64_t lowest = block.position - (block.keys.end - 1);
  const std::int64_t highest = block.position + block.count - 1 - block.keys.begin;
  const std::int64_t first_row = pattern.distance_rows[lowest];
  const std::int64_t rows = pattern.distance_rows[highest] - first_row + 1;
  const std::int64_t tiles = (rows + V::kTileRows - 1) / V::kTileRows;
  TileCall call;
  call.a_stride = pattern.position_stride;
  call.b = queries;
  call.depth = head.head_dim;
  call.c_stride = kLanes;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t row = share_begin(rows, tiles, tile);
    call.a = position_keys + (first_row + row) * pattern.position_stride;
    call.c = scratch.position_scores + row * kLanes;
    multiply_rows<V, TileOperands::kRowsByPanel, V::kTileRows, kVectors, 0>(share_begin(rows, tiles, tile + 1) - row,
                                                                            call);
  }

  for (std::int64_t key = block.keys.begin; key < block.keys.end; key += V::kWidth) {
    // Lanes past the last query and keys past the last one may have any distance's scores.
    const float* by_distance[kLanes + V::kWidth - 1];
    for (int s = 0; s < kLanes + V::kWidth - 1; ++s) {
      std::int64_t distance = block.position - (key + V::kWidth - 1) + s;
      distance = distance < lowest ? lowest : distance;
      distance = distance < highest ? distance : highest;
      by_distance[s] = scratch.position_scores + (pattern.distance_rows[distance] - first_row) * kLanes;
    }
    for (int v = 0; v < kVectors; ++v) {
      Vec x[kInputs];
      VALENCE_UNROLL_32
      for (int s = 0; s < kInputs; ++s) x[s] = V::load(by_distance[v * V::kWidth + s] + v * V::kWidth);
      skew<V>(x);
      float* score = scores + (key - block.keys.begin) * kLanes + v * V::kWidth;
      VALENCE_UNROLL
      for (int i = 0; i < V::kWidth; ++i, score += kLanes)
        V::store(score, V::add(V::load(score), x[V::kWidth - 1 - i]));
    }
  }
}

}  // namespace
}  // namespace valence::kernels
