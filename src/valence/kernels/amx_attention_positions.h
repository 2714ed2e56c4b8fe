/// \file
/// Scores of relative positions on tiles, as disentangled attention adds them (He et al. 2021, DeBERTa): for a query at
/// i and a key at j, q_i . position_keys[row(i - j)] and k_j . position_queries[row(i - j)].
///
/// Both are products with rows of a table, of which a query or a key picks one for each distance. Rows rise by at most
/// one with the distance, so sixteen neighbours find theirs within one vector, by a permutation; what belongs to a key
/// comes out by queries, and is transposed.
#pragma once

#include "valence/kernels/amx_attention_pack.h"
#include "valence/kernels/amx_attention_pattern.h"

namespace valence::kernels {
namespace {

inline constexpr std::int64_t kRowPanel = 32;  ///< rows of a table that are multiplied at a time
// The distances of 32 queries and 32 keys are 63, in three panels; and what a vector reads past them.
inline constexpr std::int64_t kBandColumns = 3 * kRowPanel + 16;

inline std::int64_t rows_in_reach(const AttentionPattern& pattern, std::int64_t max_seqlen) {
  return pattern.distance_rows[max_seqlen - 1] - pattern.distance_rows[1 - max_seqlen] + 1;
}

/// The caller's scratch for positions, cut up for the longest of its sequences.
struct PositionScratch {
  std::byte* table_keys;     ///< pack_keys of the rows in reach
  std::byte* table_queries;  ///< the same
  std::byte* keys;           ///< the keys as left sides: [keys / 32][two strips]
  float* by_query;           ///< [32][query_columns]
  float* by_key;             ///< [32][kBandColumns]
  float* scores;             ///< [keys / 32][1024], in the order of the blocks of scores
  std::int32_t* rows;        ///< of the table, by query - key; kPadding distances more on either side
  std::int32_t* backwards;   ///< by key - query
  std::uint16_t* narrowed;   ///< [rows][head_dim]
  std::int64_t query_columns;
  std::int64_t bytes;

  /// Queries and keys past the end have distances as well, up to 62 further out; theirs are the outermost rows.
  static constexpr std::int64_t kPadding = 64;

  /// memory null: only counts the bytes.
  PositionScratch(std::byte* memory, std::int64_t table_rows, std::int64_t max_seqlen, std::int64_t head_dim)
      : query_columns(round_up(table_rows, kRowPanel) + kRowPanel) {
    const std::int64_t steps = (head_dim + kElementsInRow - 1) / kElementsInRow;
    const std::int64_t table_bytes = round_up(table_rows, kRowPanel) / kTileRows * steps * kTileBytes;
    const std::int64_t distances = round_up(2 * max_seqlen + 2 * kPadding, 16);
    bytes = 0;
    const auto take = [&](std::int64_t size) {
      std::byte* const taken = memory == nullptr ? nullptr : memory + bytes;
      bytes += round_up(size, 64);
      return taken;
    };
    table_keys = take(table_bytes);
    table_queries = take(table_bytes);
    keys = take(key_blocks(max_seqlen) * 2 * steps * kTileBytes);
    by_query = reinterpret_cast<float*>(take(32 * query_columns * 4));
    by_key = reinterpret_cast<float*>(take(32 * kBandColumns * 4));
    scores = reinterpret_cast<float*>(take(key_blocks(max_seqlen) * 4 * kTileBytes));
    rows = reinterpret_cast<std::int32_t*>(take(distances * 4));
    backwards = reinterpret_cast<std::int32_t*>(take(distances * 4));
    narrowed = reinterpret_cast<std::uint16_t*>(take(table_rows * head_dim * 2));
  }
};

/// Tiles 0 to 3 = two strips of `a` by a panel of `b`, into rows of `out`.
template <class E>
void multiply_panel(const std::byte* a, const std::byte* b, std::int64_t steps, float* out, std::int64_t stride) {
  using Tiles = typename E::Tiles;
  tile_zero<0>();
  tile_zero<1>();
  tile_zero<2>();
  tile_zero<3>();
  for (std::int64_t step = 0; step < steps; ++step, a += kTileBytes, b += 2 * kTileBytes) {
    tile_load<4>(a);
    tile_load<5>(a + steps * kTileBytes);
    tile_load<6>(b);
    tile_load<7, kTileBytes>(b);
    Tiles::template dot<0, 4, 6>();
    Tiles::template dot<1, 4, 7>();
    Tiles::template dot<2, 5, 6>();
    Tiles::template dot<3, 5, 7>();
  }
  tile_store<0>(out, stride * 4);
  tile_store<1>(out + kTileRows, stride * 4);
  tile_store<2>(out + kTileRows * stride, stride * 4);
  tile_store<3>(out + kTileRows * stride + kTileRows, stride * 4);
}

/// The element of `row_scores` for each of sixteen rows of the table that ascend or descend from base to base + 15 at
/// most. row_scores[0] is that of `first`.
inline __m512 pick(const float* row_scores, std::int64_t first, const std::int32_t* rows, std::int32_t base) {
  const __m512i lanes = _mm512_sub_epi32(_mm512_loadu_si512(rows), _mm512_set1_epi32(base));
  return _mm512_permutexvar_ps(lanes, _mm512_loadu_ps(row_scores + (base - first)));
}

/// Rows of two tiles side by side: scores += more.
inline void add_tile_rows(float* scores, const float* more) {
  for (std::int64_t i = 0; i <= kTileBytes / 4; i += kTileBytes / 4) {
    _mm512_store_ps(scores + i, _mm512_add_ps(_mm512_load_ps(scores + i), _mm512_load_ps(more + i)));
  }
}

/// The terms of one head.
template <class E>
class AmxPositions {
 public:
  /// max_seqlen 0: there are none, and nothing else may be called.
  AmxPositions(const AttentionPattern& pattern, std::int64_t max_seqlen, std::int64_t head_dim, std::byte* memory)
      : pattern_(pattern),
        reach_(max_seqlen - 1),
        head_dim_(head_dim),
        steps_((head_dim + kElementsInRow - 1) / kElementsInRow),
        table_rows_(max_seqlen == 0 ? 0 : rows_in_reach(pattern, max_seqlen)),
        scratch_(memory, table_rows_, max_seqlen, head_dim) {
    if (max_seqlen == 0) return;
    const std::int64_t end = reach_ + PositionScratch::kPadding;
    for (std::int64_t distance = -end; distance <= end; ++distance) {
      const std::int64_t within = distance < -reach_ ? -reach_ : distance > reach_ ? reach_ : distance;
      const std::int32_t row = pattern.distance_rows[within] - pattern.distance_rows[-reach_];
      scratch_.rows[end + distance] = row;
      scratch_.backwards[end - distance] = row;
    }
  }
  AmxPositions(const AmxPositions&) = delete;
  AmxPositions& operator=(const AmxPositions&) = delete;

  void begin_head(std::int64_t column) {
    if (pattern_.position_keys != nullptr) pack_table(pattern_.position_keys + column, scratch_.table_keys);
    if (pattern_.position_queries != nullptr) pack_table(pattern_.position_queries + column, scratch_.table_queries);
  }
  void begin_sequence(const HeadRows& k) {
    if (pattern_.position_queries == nullptr) return;
    for (std::int64_t strip = 0; strip < 2 * key_blocks(k.count); ++strip) {
      pack_query_strip(k, strip * kTileRows, scratch_.keys + strip * steps_ * kTileBytes);
    }
  }
  /// Scores, before their scale, of 32 packed queries from `position` on and `blocks` blocks of keys from `key` on.
  /// Changes all tiles.
  void score(const std::byte* queries, std::int64_t position, std::int64_t key, std::int64_t blocks) {
    if (pattern_.position_keys != nullptr) {
      const std::int64_t least = row_of(position - (key + blocks * kBlockKeys - 1));
      const std::int64_t most = row_of(position + 2 * kTileRows - 1 - key);
      for (std::int64_t panel = least / kRowPanel; panel <= most / kRowPanel; ++panel) {
        multiply_panel<E>(queries, scratch_.table_keys + panel * steps_ * 2 * kTileBytes, steps_,
                          scratch_.by_query + panel * kRowPanel, scratch_.query_columns);
      }
    }
    for (std::int64_t block = 0; block < blocks; ++block) {
      float* const scores = scratch_.scores + block * kTileBytes;  // four tiles of f32
      const std::int64_t first = key + block * kBlockKeys;
      score_by_key(position, first, scores);
      if (pattern_.position_keys != nullptr) add_by_query(position, first, scores);
    }
  }
  /// As scores lie: [strip][half][16][16] in a block.
  [[nodiscard]] const float* scores() const { return scratch_.scores; }

  /// One of them, in f32.
  [[nodiscard]] static float exact(const AttentionPattern& pattern, std::int64_t column, std::int64_t distance,
                                   const HeadRows& q, std::int64_t query, const HeadRows& k, std::int64_t key) {
    const std::int64_t offset = pattern.distance_rows[distance] * pattern.position_stride + column;
    const auto product = [&](const HeadRows& rows, std::int64_t r, const float* table) {
      __m512 sum = _mm512_setzero_ps();
      if (table == nullptr) return 0.0F;
      for (std::int64_t i = 0; i < rows.width; i += 16) {
        const std::int64_t n = rows.width - i;
        const auto mask = static_cast<__mmask16>(n >= 16 ? 0xffffU : (1U << static_cast<unsigned>(n)) - 1U);
        const __m512 x = E::widen(_mm512_castsi512_si256(rows.line(r, i)));
        sum = _mm512_fmadd_ps(x, _mm512_maskz_loadu_ps(mask, table + offset + i), sum);
      }
      return _mm512_reduce_add_ps(sum);
    };
    return product(q, query, pattern.position_keys) + product(k, key, pattern.position_queries);
  }

 private:
  [[nodiscard]] const std::int32_t* row_at(std::int64_t distance) const {
    return scratch_.rows + reach_ + PositionScratch::kPadding + distance;
  }
  [[nodiscard]] std::int64_t row_of(std::int64_t distance) const {
    return *row_at(distance < -reach_ ? -reach_ : distance > reach_ ? reach_ : distance);
  }

  void pack_table(const float* table, std::byte* out) {
    const float* row = table + pattern_.distance_rows[-reach_] * pattern_.position_stride;
    for (std::int64_t r = 0; r < table_rows_; ++r, row += pattern_.position_stride) {
      for (std::int64_t i = 0; i < head_dim_; i += 16) {
        const std::int64_t n = head_dim_ - i;
        const auto mask = static_cast<__mmask16>(n >= 16 ? 0xffffU : (1U << static_cast<unsigned>(n)) - 1U);
        const __m512i bits = E::narrow({_mm512_maskz_loadu_ps(mask, row + i), _mm512_setzero_ps()});
        _mm256_mask_storeu_epi16(scratch_.narrowed + r * head_dim_ + i, mask, _mm512_castsi512_si256(bits));
      }
    }
    pack_keys({scratch_.narrowed, head_dim_, table_rows_, head_dim_}, out);
  }

  /// scores = k . position_queries of 32 queries and keys.
  void score_by_key(std::int64_t position, std::int64_t key, float* scores) {
    if (pattern_.position_queries == nullptr) {
      for (std::int64_t i = 0; i < kTileBytes; i += 16) _mm512_store_ps(scores + i, _mm512_setzero_ps());
      return;
    }
    const std::int64_t first_panel = row_of(position - (key + kBlockKeys - 1)) / kRowPanel;
    const std::int64_t last_panel = row_of(position + 2 * kTileRows - 1 - key) / kRowPanel;
    for (std::int64_t panel = first_panel; panel <= last_panel; ++panel) {
      multiply_panel<E>(scratch_.keys + key / kBlockKeys * 2 * steps_ * kTileBytes,
                        scratch_.table_queries + panel * steps_ * 2 * kTileBytes, steps_,
                        scratch_.by_key + (panel - first_panel) * kRowPanel, kBandColumns);
    }
    alignas(64) float turned[kTileRows * kTileRows];
    for (std::int64_t half = 0; half < 2; ++half) {
      for (std::int64_t strip = 0; strip < 2; ++strip) {
        for (std::int64_t i = 0; i < kTileRows; ++i) {
          const std::int64_t r = half * kTileRows + i;
          const std::int32_t* rows = row_at(position + strip * kTileRows - (key + r));
          const float* band = scratch_.by_key + r * kBandColumns;
          _mm512_store_ps(turned + i * kTileRows, pick(band, first_panel * kRowPanel, rows, rows[0]));
        }
        transpose_tile(reinterpret_cast<const std::byte*>(turned), kTileRowBytes,
                       reinterpret_cast<std::byte*>(scores + (2 * strip + half) * (kTileBytes / 4)));
      }
    }
  }
  /// scores += q . position_keys of 32 queries and keys.
  void add_by_query(std::int64_t position, std::int64_t key, float* scores) {
    for (std::int64_t r = 0; r < 2 * kTileRows; ++r) {
      const float* own = scratch_.by_query + r * scratch_.query_columns;
      const std::int32_t* rows = scratch_.backwards + reach_ + PositionScratch::kPadding + (key - (position + r));
      float* to = scores + r / kTileRows * 2 * (kTileBytes / 4) + r % kTileRows * kTileRows;
      for (std::int64_t half = 0; half < 2; ++half, rows += 16, to += kTileBytes / 4) {
        _mm512_store_ps(to, _mm512_add_ps(_mm512_load_ps(to), pick(own, 0, rows, rows[15])));
      }
    }
  }

  const AttentionPattern& pattern_;
  std::int64_t reach_;
  std::int64_t head_dim_;
  std::int64_t steps_;
  std::int64_t table_rows_;
  PositionScratch scratch_;
};

inline std::int64_t amx_position_scratch_bytes(const AttentionPattern& pattern, std::int64_t max_seqlen,
                                               std::int64_t head_dim) noexcept {
  if (max_seqlen == 0 || (pattern.position_keys == nullptr && pattern.position_queries == nullptr)) return 0;
  return PositionScratch(nullptr, rows_in_reach(pattern, max_seqlen), max_seqlen, head_dim).bytes;
}

}  // namespace
}  // namespace valence::kernels
