/// \file
/// Self-attention over f32 projections with 16-bit integer products: twice the rate of f32 where 8-bit dot products
/// exist, and near-exact. Sums are exact; exponentials differ between ISAs in the last bit of f32.
///
/// As in attention_kernel.h, scores are computed transposed, [keys][queries]. Each of q, k and v is rounded with one
/// scale for its (sequence, head): 12 to 13 bits for q and k, 15 for v and for the softmax. The shares of a row sum to
/// 2^15 before they are rounded, and to at most twice that after it; so no 32-bit sum can overflow (q, k: head_dim *
/// limit^2 < 2^31; v: 2^15 * 2^16). Results are divided by the sum that was, or all of many small shares rounded the
/// same way would show.
#pragma once

#include "valence/kernels/encoder_kernels.h"
#include "valence/kernels/integer_rows.h"
#include "valence/kernels/tile.h"
#include "valence/kernels/vector_math.h"

namespace valence::kernels {
namespace {

template <class D>
struct I16Shape {
  using V = typename D::Float;
  static constexpr int kQueryVectors = V::kPanelVectors;
  static constexpr std::int64_t kQueries = kQueryVectors * V::kWidth;  // in a block
  static constexpr int kKeyRows = V::kTileRows;
  static constexpr int kValueVectors = V::kValueVectors;
  static constexpr int kValueRows = V::kValueRows;

  std::int64_t pairs;         // of elements of a head, the last one filled up with zero
  std::int64_t key_stride;    // in pairs: whole vectors
  std::int64_t value_stride;  // columns of v, whole vectors

  explicit I16Shape(std::int64_t head_dim)
      : pairs((head_dim + 1) / 2),
        key_stride((pairs + V::kWidth - 1) / V::kWidth * V::kWidth),
        value_stride((head_dim + V::kWidth - 1) / V::kWidth * V::kWidth) {}
};

/// The caller's scratch, cut up; 32-bit elements throughout, each part a multiple of a vector.
template <class D>
struct I16Scratch {
  std::int32_t* keys;     // [keys][key_stride] pairs
  std::int32_t* values;   // [key pairs][value_stride] pairs of rows
  std::int32_t* queries;  // [pairs][lanes] pairs
  float* columns;         // [4][lanes] f32, on the way to queries
  float* scores;          // [keys][lanes], then in place weights as pairs of keys [key pairs][lanes]
  std::int32_t* sums;     // [kValueRows][value_stride]

  static std::int64_t elements(std::int64_t max_seqlen, std::int64_t head_dim) {
    using S = I16Shape<D>;
    const S shape(head_dim);
    return (max_seqlen + 1) * (shape.key_stride + shape.value_stride) +
           S::kQueries * (shape.pairs + 4 + max_seqlen + 1) + S::kValueRows * shape.value_stride;
  }
  I16Scratch(std::byte* scratch, std::int64_t seqlen, std::int64_t head_dim) {
    using S = I16Shape<D>;
    const S shape(head_dim);
    keys = reinterpret_cast<std::int32_t*>(scratch);
    values = keys + (seqlen + 1) * shape.key_stride;
    queries = values + (seqlen + 1) / 2 * shape.value_stride;
    columns = reinterpret_cast<float*>(queries + shape.pairs * S::kQueries);
    scores = columns + 4 * S::kQueries;
    sums = reinterpret_cast<std::int32_t*>(scores + (seqlen + 1) * S::kQueries);
  }
};

/// The greatest magnitude of rows [rows][width], NaN if there is one.
template <class D>
float greatest_magnitude(const float* rows, std::int64_t count, std::int64_t stride, std::int64_t width) {
  using V = typename D::Float;
  typename D::Sums greatest = D::magnitude_zero();
  typename D::Sums second = greatest;
  for (std::int64_t r = 0; r < count; ++r) {
    const float* row = rows + r * stride;
    std::int64_t i = 0;
    for (; i + 2 * V::kWidth <= width; i += 2 * V::kWidth) {
      greatest = D::magnitude_max(greatest, V::load(row + i));
      second = D::magnitude_max(second, V::load(row + i + V::kWidth));
    }
    for (; i + V::kWidth <= width; i += V::kWidth) greatest = D::magnitude_max(greatest, V::load(row + i));
    if (i < width) second = D::magnitude_max(second, V::load_partial(row + i, width - i));
  }
  return D::magnitude(D::magnitude_join(greatest, second));
}

/// x = q * scale, |q| <= limit. An all-zero matrix gets the scale 0; NaN and infinities stay in the scale.
struct I16Scale {
  float scale;
  float inverse;
  I16Scale(float magnitude, float limit)
      : scale(magnitude / limit),
        inverse(magnitude > 1e-35F && magnitude <= kGreatestFloat ? limit / magnitude : 0.0F) {}
};

/// Whole vectors of a row of `width` floats beginning at `i`; zeros past its end.
template <class V>
typename V::Vec load_row(const float* row, std::int64_t i, std::int64_t width) {
  if (i + V::kWidth <= width) return V::load(row + i);
  return i < width ? V::load_partial(row + i, width - i) : V::zero();
}

/// rows -> [rows][key_stride] pairs of neighbouring elements.
template <class D>
void pack_key_rows(const float* rows, std::int64_t count, std::int64_t stride, std::int64_t width,
                   const I16Shape<D>& shape, float inverse, std::int32_t* out) {
  using V = typename D::Float;
  const auto scale = V::broadcast(inverse);
  for (std::int64_t r = 0; r < count; ++r) {
    const float* row = rows + r * stride;
    for (std::int64_t i = 0; i < shape.key_stride; i += V::kWidth) {
      const auto low = V::mul(load_row<V>(row, 2 * i, width), scale);
      const auto high = V::mul(load_row<V>(row, 2 * i + V::kWidth, width), scale);
      D::store_narrow(out + r * shape.key_stride + i, low, high);
    }
  }
}

/// rows -> [row pairs][value_stride]: an element of an even row below that of the odd one after it (zero after the
/// last).
template <class D>
void pack_value_rows(const float* rows, std::int64_t count, std::int64_t stride, std::int64_t width,
                     const I16Shape<D>& shape, float inverse, std::int32_t* out) {
  using V = typename D::Float;
  const auto scale = V::broadcast(inverse);
  for (std::int64_t r = 0; r < count; r += 2) {
    const float* even = rows + r * stride;
    for (std::int64_t i = 0; i < shape.value_stride; i += V::kWidth) {
      const auto low = V::mul(load_row<V>(even, i, width), scale);
      const auto high = r + 1 < count ? V::mul(load_row<V>(even + stride, i, width), scale) : V::zero();
      D::store_sums(out + r / 2 * shape.value_stride + i, D::pair(low, high));
    }
  }
}

/// One head of one sequence; q and out begin at the first query, k and v at the first key.
struct StagedHead {
  const float* q;
  const float* k;
  const float* v;
  std::int64_t q_stride;
  std::int64_t k_stride;
  std::int64_t v_stride;
  float* out;
  std::int64_t out_stride;
  std::int64_t queries;
  std::int64_t keys;
  std::int64_t head_dim;
};

/// A block of queries, transposed: [pairs][lanes]; lanes past the last query repeat it.
template <class D, int kVectors>
void transpose_query_pairs(const StagedHead& head, std::int64_t first, float inverse, const I16Scratch<D>& scratch) {
  using V = typename D::Float;
  constexpr std::int64_t kLanes = kVectors * V::kWidth;
  const auto scale = V::broadcast(inverse);
  for (int v = 0; v < kVectors; ++v) {
    const float* rows[V::kWidth];
    for (int lane = 0; lane < V::kWidth; ++lane) {
      const std::int64_t query = first + v * V::kWidth + lane;
      rows[lane] = head.q + (query < head.queries ? query : head.queries - 1) * head.q_stride;
    }
    std::int32_t* to = scratch.queries + v * V::kWidth;
    float* column = scratch.columns;
    for (std::int64_t d = 0; d < head.head_dim; d += 4) {
      if (d + 4 <= head.head_dim) {
        V::transpose4(rows, d, scale, column, V::kWidth);
      } else {
        for (std::int64_t i = 0; i < 4; ++i) {
          for (int lane = 0; lane < V::kWidth; ++lane) {
            column[i * V::kWidth + lane] = d + i < head.head_dim ? inverse * rows[lane][d + i] : 0.0F;
          }
        }
      }
      D::store_sums(to + d / 2 * kLanes, D::pair(V::load(column), V::load(column + V::kWidth)));
      if (d + 2 < head.head_dim) {
        D::store_sums(to + (d / 2 + 1) * kLanes,
                      D::pair(V::load(column + 2 * V::kWidth), V::load(column + 3 * V::kWidth)));
      }
    }
  }
}

/// scores[key][lane] of kRows keys, and the greatest of each lane so far.
template <class D, int kRows, int kVectors>
[[gnu::noinline]] void score_tile(const std::int32_t* keys, std::int64_t key_stride, const std::int32_t* queries,
                                  std::int64_t pairs, float* scores, typename D::Float::Vec* greatest) {
  using V = typename D::Float;
  typename D::Sums sums[kRows][kVectors];
  VALENCE_UNROLL
  for (int i = 0; i < kRows; ++i) {
    VALENCE_UNROLL
    for (int j = 0; j < kVectors; ++j) sums[i][j] = D::start(0);
  }
  for (std::int64_t p = 0; p < pairs; ++p) {
    typename D::Pairs right[kVectors];
    VALENCE_UNROLL
    for (int j = 0; j < kVectors; ++j) right[j] = D::load_pairs(queries + (p * kVectors + j) * V::kWidth);
    VALENCE_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const auto left = D::broadcast_pair(keys + i * key_stride + p);
      VALENCE_UNROLL
      for (int j = 0; j < kVectors; ++j) sums[i][j] = D::dot16(sums[i][j], left, right[j]);
    }
  }
  VALENCE_UNROLL
  for (int j = 0; j < kVectors; ++j) {
    auto most = greatest[j];
    VALENCE_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const auto score = D::to_float(sums[i][j]);
      most = V::max(score, most);
      V::store(scores + (i * kVectors + j) * V::kWidth, score);
    }
    greatest[j] = most;
  }
}

template <class D, int kMaxRows, int kVectors>
void score_rows(std::int64_t rows, const std::int32_t* keys, std::int64_t key_stride, const std::int32_t* queries,
                std::int64_t pairs, float* scores, typename D::Float::Vec* greatest) {
  if constexpr (kMaxRows > 1) {
    if (rows < kMaxRows) {
      return score_rows<D, kMaxRows - 1, kVectors>(rows, keys, key_stride, queries, pairs, scores, greatest);
    }
  }
  score_tile<D, kMaxRows, kVectors>(keys, key_stride, queries, pairs, scores, greatest);
}

/// Down each column: scores become 2^((score - greatest) * slope), then 15-bit shares of their sum, in pairs of keys.
/// Lane by lane, whole[] is what the rounded shares lack to 2^15, as a factor; NaN where a score was no number.
template <class D, int kVectors>
[[gnu::noinline]] void softmax_columns(float* scores, std::int64_t keys, float slope,
                                       const typename D::Float::Vec* greatest, float* whole) {
  using V = typename D::Float;
  constexpr std::int64_t kLanes = kVectors * V::kWidth;
  constexpr float kWhole = 32767.0F;
  typename V::Vec sums[kVectors];
  VALENCE_UNROLL
  for (int v = 0; v < kVectors; ++v) sums[v] = V::zero();
  const auto slopes = V::broadcast(slope);
  for (std::int64_t key = 0; key < keys; ++key) {
    VALENCE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      float* score = scores + key * kLanes + v * V::kWidth;
      const auto e = exp2_to_be_quantized<V>(V::mul(V::sub(V::load(score), greatest[v]), slopes));
      sums[v] = V::add(sums[v], e);
      V::store(score, e);
    }
  }
  typename V::Vec shares[kVectors];
  typename D::Sums rounded[kVectors];
  VALENCE_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    shares[v] = V::div(V::broadcast(kWhole), sums[v]);
    rounded[v] = D::start(0);
  }
  constexpr std::int32_t kOnes = 0x00010001;
  const auto ones = D::broadcast_pair(&kOnes);
  // In place: pair p is written no later than rows 2p and 2p + 1 are read.
  auto* pairs = reinterpret_cast<std::int32_t*>(scores);
  for (std::int64_t key = 0; key < keys; key += 2) {
    VALENCE_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const float* even = scores + key * kLanes + v * V::kWidth;
      const auto low = V::mul(V::load(even), shares[v]);
      const auto high = key + 1 < keys ? V::mul(V::load(even + kLanes), shares[v]) : V::zero();
      std::int32_t* pair = pairs + key / 2 * kLanes + v * V::kWidth;
      D::store_sums(pair, D::pair(low, high));
      rounded[v] = D::dot16(rounded[v], ones, D::load_pairs(pair));
    }
  }
  VALENCE_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    V::store(whole + v * V::kWidth, V::div(V::mul(shares[v], sums[v]), D::to_float(rounded[v])));
  }
}

/// sums[i][column] over all keys, for kRows queries and kVectors vectors of columns.
template <class D, int kRows, int kVectors>
[[gnu::noinline]] void value_tile(const std::int32_t* weights, std::int64_t lanes, const std::int32_t* values,
                                  std::int64_t value_stride, std::int64_t key_pairs, std::int32_t* out) {
  using V = typename D::Float;
  typename D::Sums sums[kRows][kVectors];
  VALENCE_UNROLL
  for (int i = 0; i < kRows; ++i) {
    VALENCE_UNROLL
    for (int j = 0; j < kVectors; ++j) sums[i][j] = D::start(0);
  }
  for (std::int64_t p = 0; p < key_pairs; ++p) {
    typename D::Pairs right[kVectors];
    VALENCE_UNROLL
    for (int j = 0; j < kVectors; ++j) right[j] = D::load_pairs(values + p * value_stride + j * V::kWidth);
    VALENCE_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const auto left = D::broadcast_pair(weights + p * lanes + i);
      VALENCE_UNROLL
      for (int j = 0; j < kVectors; ++j) sums[i][j] = D::dot16(sums[i][j], left, right[j]);
    }
  }
  VALENCE_UNROLL
  for (int i = 0; i < kRows; ++i) {
    VALENCE_UNROLL
    for (int j = 0; j < kVectors; ++j) D::store_sums(out + i * value_stride + j * V::kWidth, sums[i][j]);
  }
}

template <class D, int kMaxRows, int kVectors>
void value_rows(std::int64_t rows, const std::int32_t* weights, std::int64_t lanes, const std::int32_t* values,
                std::int64_t value_stride, std::int64_t key_pairs, std::int32_t* out) {
  if constexpr (kMaxRows > 1) {
    if (rows < kMaxRows) {
      return value_rows<D, kMaxRows - 1, kVectors>(rows, weights, lanes, values, value_stride, key_pairs, out);
    }
  }
  value_tile<D, kMaxRows, kVectors>(weights, lanes, values, value_stride, key_pairs, out);
}

/// All columns, as many vectors at a time as a tile holds.
template <class D, int kVectors>
void value_columns(std::int64_t rows, const std::int32_t* weights, std::int64_t lanes, const std::int32_t* values,
                   std::int64_t value_stride, std::int64_t columns, std::int64_t key_pairs, std::int32_t* out) {
  constexpr std::int64_t kColumns = kVectors * D::Float::kWidth;
  for (; columns >= kColumns; columns -= kColumns) {
    value_rows<D, I16Shape<D>::kValueRows, kVectors>(rows, weights, lanes, values, value_stride, key_pairs, out);
    values += kColumns;
    out += kColumns;
  }
  if constexpr (kVectors > 1) {
    if (columns > 0) {
      value_columns<D, kVectors - 1>(rows, weights, lanes, values, value_stride, columns, key_pairs, out);
    }
  }
}

/// The rows of `out` for queries [first, first + count), count <= kVectors vectors.
template <class D, int kVectors>
void attend_staged_block(const StagedHead& head, std::int64_t first, std::int64_t count, const I16Shape<D>& shape,
                         float query_inverse, float slope, float value_scale, const I16Scratch<D>& scratch) {
  using V = typename D::Float;
  using S = I16Shape<D>;
  constexpr std::int64_t kLanes = kVectors * V::kWidth;
  transpose_query_pairs<D, kVectors>(head, first, query_inverse, scratch);

  typename V::Vec greatest[kVectors];
  for (auto& g : greatest) g = V::broadcast(-3e38F);
  const std::int64_t key_tiles = (head.keys + S::kKeyRows - 1) / S::kKeyRows;
  for (std::int64_t tile = 0; tile < key_tiles; ++tile) {
    const std::int64_t key = share_begin(head.keys, key_tiles, tile);
    score_rows<D, S::kKeyRows, kVectors>(share_begin(head.keys, key_tiles, tile + 1) - key,
                                         scratch.keys + key * shape.key_stride, shape.key_stride, scratch.queries,
                                         shape.pairs, scratch.scores + key * kLanes, greatest);
  }
  alignas(64) float whole[kLanes];
  softmax_columns<D, kVectors>(scratch.scores, head.keys, slope, greatest, whole);

  const auto* weights = reinterpret_cast<const std::int32_t*>(scratch.scores);
  const std::int64_t query_tiles = (count + S::kValueRows - 1) / S::kValueRows;
  for (std::int64_t tile = 0; tile < query_tiles; ++tile) {
    const std::int64_t query = share_begin(count, query_tiles, tile);
    const std::int64_t rows = share_begin(count, query_tiles, tile + 1) - query;
    value_columns<D, S::kValueVectors>(rows, weights + query, kLanes, scratch.values, shape.value_stride,
                                       shape.value_stride, (head.keys + 1) / 2, scratch.sums);
    for (std::int64_t i = 0; i < rows; ++i) {
      const auto scale = V::broadcast(value_scale * whole[query + i]);
      const std::int32_t* sum = scratch.sums + i * shape.value_stride;
      float* out = head.out + (first + query + i) * head.out_stride;
      std::int64_t c = 0;
      for (; c + V::kWidth <= head.head_dim; c += V::kWidth) {
        V::store(out + c, V::mul(D::to_float(D::load_sums(sum + c)), scale));
      }
      if (c < head.head_dim) {
        V::store_partial(out + c, V::mul(D::to_float(D::load_sums(sum + c)), scale), head.head_dim - c);
      }
    }
  }
}

/// attend_staged_block with as few vectors as `count` queries need.
template <class D, int kVectors>
void attend_staged_queries(const StagedHead& head, std::int64_t first, std::int64_t count, const I16Shape<D>& shape,
                           float query_inverse, float slope, float value_scale, const I16Scratch<D>& scratch) {
  if constexpr (kVectors > 1) {
    if (count <= (kVectors - 1) * D::Float::kWidth) {
      return attend_staged_queries<D, kVectors - 1>(head, first, count, shape, query_inverse, slope, value_scale,
                                                    scratch);
    }
  }
  attend_staged_block<D, kVectors>(head, first, count, shape, query_inverse, slope, value_scale, scratch);
}

template <class D>
void attend_staged_head(const StagedHead& head, float softmax_scale, std::byte* memory) {
  constexpr float kLog2E = 1.44269504F;
  constexpr std::int64_t kBlock = I16Shape<D>::kQueries;
  const I16Shape<D> shape(head.head_dim);
  const I16Scratch<D> scratch(memory, head.keys, head.head_dim);
  const auto dimensions = static_cast<float>(2 * shape.pairs);
  const float limit = static_cast<float>(static_cast<int>(__builtin_sqrtf(2147483000.0F / dimensions)));
  const float bounded = limit > 32767.0F ? 32767.0F : limit;
  const I16Scale q(greatest_magnitude<D>(head.q, head.queries, head.q_stride, head.head_dim), bounded);
  const I16Scale k(greatest_magnitude<D>(head.k, head.keys, head.k_stride, head.head_dim), bounded);
  const I16Scale v(greatest_magnitude<D>(head.v, head.keys, head.v_stride, head.head_dim), 32767.0F);
  pack_key_rows<D>(head.k, head.keys, head.k_stride, head.head_dim, shape, k.inverse, scratch.keys);
  pack_value_rows<D>(head.v, head.keys, head.v_stride, head.head_dim, shape, v.inverse, scratch.values);
  const float slope = q.scale * k.scale * softmax_scale * kLog2E;
  for (std::int64_t query = 0; query < head.queries; query += kBlock) {
    const std::int64_t left = head.queries - query;
    attend_staged_queries<D, I16Shape<D>::kQueryVectors>(head, query, left < kBlock ? left : kBlock, shape, q.inverse,
                                                         slope, v.scale * (1.0F / 32767.0F), scratch);
  }
}

template <class D>
std::int64_t i16_attention_scratch_bytes(std::int64_t max_seqlen, std::int64_t head_dim) noexcept {
  return I16Scratch<D>::elements(max_seqlen, head_dim) * static_cast<std::int64_t>(sizeof(std::int32_t));
}

template <class D>
void i16_attention(const StagedAttentionCall& call) noexcept {
  const bool all = call.queries == AttentionQueries::kAll;
  for (std::int64_t sequence = call.first_sequence; sequence < call.first_sequence + call.sequences; ++sequence) {
    const std::int64_t first_key = call.cu_seqlens[sequence] - call.first_token;
    const std::int64_t first_row = all ? first_key : sequence - call.first_sequence;
    StagedHead head;
    head.keys = call.cu_seqlens[sequence + 1] - call.cu_seqlens[sequence];
    if (head.keys == 0) continue;
    head.queries = all ? head.keys : 1;
    head.q_stride = call.q.stride;
    head.k_stride = call.k.stride;
    head.v_stride = call.v.stride;
    head.out_stride = call.out.stride;
    head.head_dim = call.head_dim;
    for (std::int64_t h = call.first_head; h < call.first_head + call.heads; ++h) {
      const std::int64_t column = h * call.head_dim;
      head.q = reinterpret_cast<const float*>(call.q.data) + first_row * call.q.stride + column;
      head.k = reinterpret_cast<const float*>(call.k.data) + first_key * call.k.stride + column;
      head.v = reinterpret_cast<const float*>(call.v.data) + first_key * call.v.stride + column;
      head.out = reinterpret_cast<float*>(call.out.data) + first_row * call.out.stride + column;
      attend_staged_head<D>(head, call.scale, call.scratch);
    }
  }
}

}  // namespace
}  // namespace valence::kernels
