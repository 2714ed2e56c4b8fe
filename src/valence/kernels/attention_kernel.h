/// \file
/// Self-attention, one head of one sequence at a time, a block of queries in the lanes of a vector.
///
/// Scores are computed transposed, [keys][queries]: the rows of k serve as they lie, only the block of queries is
/// transposed, and softmax goes down the columns without sums across lanes or masks. v is copied once a head, because
/// rows of qkv lie a whole number of level-1 sets apart and would push each other out.
#pragma once

#include "valence/kernels/kernel_table.h"
#include "valence/kernels/tile.h"
#include "valence/kernels/vector_math.h"

namespace valence::kernels {
namespace {

/// head_dim in whole vectors, as the columns of v are padded to.
template <class V>
std::int64_t padded_head_dim(std::int64_t head_dim) {
  return (head_dim + V::kWidth - 1) / V::kWidth * V::kWidth;
}

/// The caller's scratch, cut up.
template <class V>
struct AttentionScratch {
  static constexpr std::int64_t kQueries = V::kPanelVectors * V::kWidth;  // in a block

  float* queries;       // [head_dim][lanes]
  float* sums;          // [kQueries][padded head_dim]
  float* inverse_sums;  // [lanes]
  float* scores;        // [keys][lanes]
  float* values;        // [keys][padded head_dim]

  static std::int64_t floats(std::int64_t max_seqlen, std::int64_t head_dim) {
    const std::int64_t padded = padded_head_dim<V>(head_dim);
    return kQueries * (2 * padded + 1 + max_seqlen) + max_seqlen * padded;
  }
  AttentionScratch(float* scratch, std::int64_t max_seqlen, std::int64_t head_dim) {
    const std::int64_t padded = padded_head_dim<V>(head_dim);
    queries = scratch;
    sums = queries + kQueries * padded;
    inverse_sums = sums + kQueries * padded;
    scores = inverse_sums + kQueries;
    values = scores + kQueries * max_seqlen;
  }
};

/// One head of one sequence; q and out begin at the first query, k and v at the first key.
struct HeadCall {
  const float* q;
  const float* k;
  const float* v;
  std::int64_t q_stride;
  std::int64_t kv_stride;
  float* out;
  std::int64_t out_stride;
  std::int64_t queries;
  std::int64_t keys;
  std::int64_t head_dim;
  float scale;
};

/// Keys [begin, end) of a sequence.
struct KeyRange {
  std::int64_t begin;
  std::int64_t end;
};

template <class V>
void copy_values(const HeadCall& head, KeyRange keys, float* values) {
  const std::int64_t padded = padded_head_dim<V>(head.head_dim);
  const std::int64_t whole = head.head_dim / V::kWidth * V::kWidth;
  for (std::int64_t key = keys.begin; key < keys.end; ++key) {
    const float* from = head.v + key * head.kv_stride;
    float* to = values + (key - keys.begin) * padded;
    for (std::int64_t c = 0; c < whole; c += V::kWidth) V::store(to + c, V::load(from + c));
    if (whole < padded) V::store(to + whole, V::load_partial(from + whole, head.head_dim - whole));
  }
}

/// to[d * stride + lane] = scale * rows[lane][d], for a vector of rows.
template <class V>
void transpose_rows(const float* const* rows, std::int64_t head_dim, float scale, float* to, std::int64_t stride) {
  const std::int64_t whole = head_dim / 4 * 4;
  for (std::int64_t d = 0; d < whole; d += 4) {
    V::transpose4(rows, d, V::broadcast(scale), to + d * stride, stride);
  }
  for (std::int64_t d = whole; d < head_dim; ++d) {
    for (int lane = 0; lane < V::kWidth; ++lane) to[d * stride + lane] = scale * rows[lane][d];
  }
}

/// queries[d][lane] = scale * q[first + lane][d]; lanes past the last query repeat it.
template <class V, int kVectors>
void transpose_queries(const HeadCall& head, std::int64_t first, float* queries) {
  constexpr std::int64_t kLanes = kVectors * V::kWidth;
  for (int v = 0; v < kVectors; ++v) {
    const float* rows[V::kWidth];
    for (int lane = 0; lane < V::kWidth; ++lane) {
      const std::int64_t query = first + v * V::kWidth + lane;
      rows[lane] = head.q + (query < head.queries ? query : head.queries - 1) * head.q_stride;
    }
    transpose_rows<V>(rows, head.head_dim, head.scale, queries + v * V::kWidth, kLanes);
  }
}

/// Down each column of [keys][lanes]: scores become e^(score - greatest), inverse_sums the reciprocals of their sums.
template <class V, int kVectors>
void exponentiate_columns(float* scores, std::int64_t keys, float* inverse_sums) {
  using Vec = typename V::Vec;
  constexpr std::int64_t kLanes = kVectors * V::kWidth;
  Vec greatest[kVectors];
  Vec sums[kVectors];
  VALENCE_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    greatest[v] = V::broadcast(-__builtin_inff());
    sums[v] = V::zero();
  }
  for (std::int64_t key = 0; key < keys; ++key) {
    VALENCE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      greatest[v] = V::max(V::load(scores + key * kLanes + v * V::kWidth), greatest[v]);
    }
  }
  for (std::int64_t key = 0; key < keys; ++key) {
    VALENCE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      float* score = scores + key * kLanes + v * V::kWidth;
      const Vec e = exp_bounded_above<V>(V::sub(V::load(score), greatest[v]));
      sums[v] = V::add(sums[v], e);
      V::store(score, e);
    }
  }
  VALENCE_UNROLL
  for (int v = 0; v < kVectors; ++v) V::store(inverse_sums + v * V::kWidth, V::div(V::broadcast(1.0F), sums[v]));
}

/// call.c = call.a * values for columns [column, padded), as many vectors at a time as a tile holds.
template <class V, int kVectors>
void multiply_values(std::int64_t rows, TileCall call, std::int64_t columns) {
  constexpr std::int64_t kColumns = kVectors * V::kWidth;
  for (; columns >= kColumns; columns -= kColumns) {
    multiply_rows<V, TileOperands::kColumnsByRows, V::kValueRows, kVectors, 0>(rows, call);
    call.b += kColumns;
    call.c += kColumns;
  }
  if constexpr (kVectors > 1) {
    if (columns > 0) multiply_values<V, kVectors - 1>(rows, call, columns);
  }
}

/// The sums of values, divided by the sums of weights, as rows of `out`.
template <class V>
void store_rows(const HeadCall& head, std::int64_t first, std::int64_t count, const AttentionScratch<V>& scratch) {
  const std::int64_t padded = padded_head_dim<V>(head.head_dim);
  const std::int64_t whole = head.head_dim / V::kWidth * V::kWidth;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto inverse = V::broadcast(scratch.inverse_sums[i]);
    const float* sum = scratch.sums + i * padded;
    float* out = head.out + (first + i) * head.out_stride;
    for (std::int64_t c = 0; c < whole; c += V::kWidth) V::store(out + c, V::mul(V::load(sum + c), inverse));
    if (whole < head.head_dim) {
      V::store_partial(out + whole, V::mul(V::load(sum + whole), inverse), head.head_dim - whole);
    }
  }
}

/// The rows of `out` for queries [first, first + count), count <= kVectors vectors.
template <class V, int kVectors>
void attend_block(const HeadCall& head, std::int64_t first, std::int64_t count, const AttentionScratch<V>& scratch) {
  constexpr std::int64_t kLanes = kVectors * V::kWidth;
  const std::int64_t padded = padded_head_dim<V>(head.head_dim);
  transpose_queries<V, kVectors>(head, first, scratch.queries);

  const std::int64_t key_tiles = (head.keys + V::kTileRows - 1) / V::kTileRows;
  for (std::int64_t tile = 0; tile < key_tiles; ++tile) {
    const std::int64_t key = share_begin(head.keys, key_tiles, tile);
    TileCall call;
    call.a = head.k + key * head.kv_stride;
    call.a_stride = head.kv_stride;
    call.b = scratch.queries;
    call.depth = head.head_dim;
    call.c = scratch.scores + key * kLanes;
    call.c_stride = kLanes;
    multiply_rows<V, TileOperands::kRowsByPanel, V::kTileRows, kVectors, 0>(
        share_begin(head.keys, key_tiles, tile + 1) - key, call);
  }

  exponentiate_columns<V, kVectors>(scratch.scores, head.keys, scratch.inverse_sums);

  const std::int64_t query_tiles = (count + V::kValueRows - 1) / V::kValueRows;
  for (std::int64_t tile = 0; tile < query_tiles; ++tile) {
    const std::int64_t query = share_begin(count, query_tiles, tile);
    TileCall call;
    call.a = scratch.scores + query;
    call.a_stride = kLanes;
    call.b = scratch.values;
    call.b_stride = padded;
    call.depth = head.keys;
    call.c = scratch.sums + query * padded;
    call.c_stride = padded;
    multiply_values<V, V::kValueVectors>(share_begin(count, query_tiles, tile + 1) - query, call, padded);
  }
  store_rows<V>(head, first, count, scratch);
}

/// attend_block with as few vectors as `count` queries need.
template <class V, int kVectors>
void attend_queries(const HeadCall& head, std::int64_t first, std::int64_t count, const AttentionScratch<V>& scratch) {
  if constexpr (kVectors > 1) {
    if (count <= (kVectors - 1) * V::kWidth) return attend_queries<V, kVectors - 1>(head, first, count, scratch);
  }
  attend_block<V, kVectors>(head, first, count, scratch);
}

template <class V>
void attention_without_pattern(const AttentionCall& call) {
  constexpr std::int64_t kBlock = AttentionScratch<V>::kQueries;
  for (std::int64_t sequence = 0; sequence < call.batch_size; ++sequence) {
    const std::int64_t first_token = call.cu_seqlens[sequence];
    HeadCall head;
    head.keys = call.cu_seqlens[sequence + 1] - first_token;
    if (head.keys == 0) continue;
    const bool all = call.queries == AttentionQueries::kAll;
    const std::int64_t first_row = all ? first_token : sequence;
    head.queries = all ? head.keys : 1;
    head.q_stride = call.q_stride;
    head.kv_stride = call.kv_stride;
    head.out_stride = call.out_stride;
    head.head_dim = call.head_dim;
    head.scale = call.scale;
    const AttentionScratch<V> scratch(call.scratch, head.keys, call.head_dim);
    for (std::int64_t h = 0; h < call.num_heads; ++h) {
      const std::int64_t column = h * call.head_dim;
      head.q = call.q + first_row * call.q_stride + column;
      head.k = call.k + first_token * call.kv_stride + column;
      head.v = call.v + first_token * call.kv_stride + column;
      head.out = call.out + first_row * call.out_stride + column;
      copy_values<V>(head, {0, head.keys}, scratch.values);
      for (std::int64_t query = 0; query < head.queries; query += kBlock) {
        const std::int64_t left = head.queries - query;
        attend_queries<V, V::kPanelVectors>(head, query, left < kBlock ? left : kBlock, scratch);
      }
    }
  }
}

}  // namespace
}  // namespace valence::kernels
