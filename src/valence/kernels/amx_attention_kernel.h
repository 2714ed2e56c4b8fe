/// \file
/// Self-attention on tiles, in bf16 or fp16: for each sequence and head, blocks of 32 queries by 32 keys.
///
/// While the tile unit multiplies one block, the softmax of the block before the last is made; what a strip of 16
/// queries ends with waits in the tiles until they are needed for the next one, which may be of another head.
///
/// Blocks of keys that no query of a block sees are left out; in those that some do not see whole, the weights of
/// unseen keys are zero, which changes no bit of the sums.
#pragma once

#include "valence/kernels/amx_attention_head.h"

namespace valence::kernels {
namespace {

inline constexpr std::int64_t kStripScores = 2 * kTileBytes;               ///< bytes, of 16 queries by 32 keys in f32
inline constexpr std::int64_t kBlockScores = 2 * kStripScores;             ///< of 32 queries
inline constexpr int kValueTiles = 4;                                      ///< columns of values at a time, in tiles
inline constexpr std::int64_t kOutBytes = (kValueTiles + 1) * kTileBytes;  ///< a strip's sums, then its columns

/// The caller's scratch, cut up for the longest of its sequences.
struct AmxAttentionScratch {
  std::byte* queries;  ///< two strips
  std::byte* keys;
  std::byte* values;
  std::byte* ones;
  std::byte* weights;          ///< two strips [keys / 32][tile]
  std::byte* scores;           ///< [keys / 32][kBlockScores]
  std::byte* out;              ///< kOutBytes of a strip that was stored
  float* row;                  ///< [keys] a single query's scores
  float* bias;                 ///< [spread_bias_floats(keys)]
  const std::byte* last_ones;  ///< for the last of the blocks that are multiplied

  std::int64_t bytes = 0;

  /// memory null: only counts the bytes.
  AmxAttentionScratch(std::byte* memory, std::int64_t keys_count, std::int64_t head_dim) {
    const std::int64_t blocks = key_blocks(keys_count);
    const std::int64_t steps = (head_dim + kElementsInRow - 1) / kElementsInRow;
    const auto take = [&](std::int64_t size) {
      std::byte* const taken = memory == nullptr ? nullptr : memory + bytes;
      bytes += size;
      return taken;
    };
    queries = take(2 * steps * kTileBytes);
    keys = take(blocks * steps * 2 * kTileBytes);
    values = take(blocks * steps * 2 * kTileBytes);
    ones = take(2 * kTileBytes);
    weights = take(2 * blocks * kTileBytes);
    scores = take(blocks * kBlockScores);
    out = take(kOutBytes);
    row = reinterpret_cast<float*>(take(blocks * kBlockKeys * 4));
    bias = reinterpret_cast<float*>(take(spread_bias_floats(keys_count) * 4));
    last_ones = memory == nullptr ? nullptr : ones + kTileBytes;
  }
  /// Of the packed keys and values, blocks [first, first + count); `all` there are.
  [[nodiscard]] AmxAttentionScratch blocks_from(std::int64_t first, std::int64_t count, std::int64_t all,
                                                std::int64_t steps) const {
    AmxAttentionScratch part = *this;
    part.keys += first * steps * 2 * kTileBytes;
    part.values += first * steps * 2 * kTileBytes;
    part.last_ones = ones + (first + count == all ? kTileBytes : 0);
    return part;
  }
};

/// Whether a head's keys and values still are in the scratch, from the query head before.
enum class Copies { kToBeMade, kInScratch };

/// A strip of 16 queries and some of their columns, whose sums are in the tiles or on their way to memory.
struct WaitingStrip {
  const AmxHead* head = nullptr;
  std::int64_t first_query = 0;
  std::int64_t queries = 0;  ///< none: nothing waits
  std::int64_t column = 0;
  std::int64_t columns = 0;
};

template <class E, class RowElement, class OwnElement>
class AmxAttention {
 public:
  /// null: there are no positions. `positions` knows the head and the sequence.
  explicit AmxAttention(AmxPositions<E>* positions) : positions_(positions) {}

  /// All of a head but its last strip, which waits; `head` and what it views must outlive that.
  void attend(const AmxHead& head, Copies copies, const AmxAttentionScratch& memory) {
    using Softmax = AmxSoftmax<E>;
    const std::int64_t all_blocks = key_blocks(head.k.count);
    const std::int64_t steps = (head.k.width + kElementsInRow - 1) / kElementsInRow;
    if (copies == Copies::kToBeMade) {
      pack_keys(head.k, memory.keys);
      pack_values(head.v, Softmax::kOneBits, memory.values, memory.ones);
    }
    if (head.relative_bias != nullptr) {
      spread_bias(head.relative_bias, kLog2E * Softmax::kOne, head.reach, head.q.count, head.k.count, memory.bias);
    }
    for (std::int64_t first = 0; first < head.q.count; first += 2 * kTileRows) {
      const std::int64_t left = head.q.count - first;
      const int strips = left > kTileRows ? 2 : 1;
      const std::int64_t queries = left < 2 * kTileRows ? left : 2 * kTileRows;
      const KeySpan seen = head.reach.of(first, queries, head.k.count);
      const std::int64_t first_block = seen.begin / kBlockKeys;
      const std::int64_t blocks = key_blocks(seen.end) - first_block;
      const AmxAttentionScratch scratch = memory.blocks_from(first_block, blocks, all_blocks, steps);
      const QueryBlock block{first, queries, first_block * kBlockKeys};
      for (int s = 0; s < strips; ++s) {
        pack_query_strip(head.q, first + s * kTileRows, scratch.queries + s * steps * kTileBytes);
      }
      if (positions_ != nullptr) {
        finish(scratch);
        positions_->score(scratch.queries, head.reach.first_position + first, block.first_key, blocks);
      }
      strips == 2 ? make_weights<2>(head, block, scratch, blocks, steps)
                  : make_weights<1>(head, block, scratch, blocks, steps);
      for (int s = 0; s < strips; ++s) {
        const std::int64_t rows = left - s * kTileRows;
        for (std::int64_t column = 0; column < head.v.width; column += kValueTiles * kTileRows) {
          const std::int64_t rest = head.v.width - column;
          const WaitingStrip strip{&head, first + s * kTileRows, rows < kTileRows ? rows : kTileRows, column,
                                   rest < kValueTiles * kTileRows ? rest : kValueTiles * kTileRows};
          multiply_values(strip, scratch, s, blocks, 2 * steps);
        }
      }
    }
  }

  /// Nothing waits any more.
  void finish(const AmxAttentionScratch& scratch) {
    store_waiting(scratch);
    finish_stored(scratch);
  }

 private:
  static constexpr std::int64_t kOutRow = kTileRowBytes / 4;
  static constexpr float kLog2E = 1.44269504F;

  /// Queries of one or two strips, and the first key of the blocks that they see.
  struct QueryBlock {
    std::int64_t first;
    std::int64_t count;
    std::int64_t first_key;
  };

  /// Tiles 0 to 4, if somebody waits in them, go to memory.
  void store_waiting(const AmxAttentionScratch& scratch) {
    stored_ = waiting_;
    waiting_.queries = 0;
    if (stored_.queries == 0) return;
    std::byte* out = scratch.out;
    tile_store<4>(out);
    tile_store<0, kTileBytes>(out);
    tile_store<1, 2 * kTileBytes>(out);
    if (stored_.columns > 2 * kTileRows) {
      tile_store<2, 3 * kTileBytes>(out);
      tile_store<3, 4 * kTileBytes>(out);
    }
  }

  /// Divides what was stored by its sums.
  void finish_stored(const AmxAttentionScratch& scratch) {
    const auto* sums = reinterpret_cast<const float*>(scratch.out);
    for (std::int64_t r = 0; r < stored_.queries; ++r) {
      const AmxHead& head = *stored_.head;
      if (!AmxSoftmax<E>::is_sound(sums[r * kOutRow])) {
        attend_exactly<E, RowElement, OwnElement>(head, stored_.first_query + r, stored_.column, stored_.columns,
                                                  scratch.row);
        continue;
      }
      const __m512 inverse = _mm512_div_ps(_mm512_set1_ps(1.0F), _mm512_load_ps(sums + r * kOutRow));
      for (std::int64_t i = 0; i < stored_.columns; i += kElementsInRow) {
        const float* row = sums + (1 + i / kTileRows) * (kTileBytes / 4) + r * kOutRow;
        const std::int64_t left = stored_.columns - i;
        store_context<RowElement, OwnElement>(
            head, stored_.first_query + r, stored_.column + i,
            {_mm512_mul_ps(inverse, _mm512_load_ps(row)), _mm512_mul_ps(inverse, _mm512_load_ps(row + kTileBytes / 4))},
            left < kElementsInRow ? left : kElementsInRow);
      }
    }
    stored_.queries = 0;
  }

  /// Weights of kStrips strips of queries for all keys, from the packed queries and keys.
  template <int kStrips>
  void make_weights(const AmxHead& head, const QueryBlock& queries, const AmxAttentionScratch& scratch,
                    std::int64_t blocks, std::int64_t steps) {
    using Softmax = AmxSoftmax<E>;
    const __m512 factor = _mm512_set1_ps(head.scale * kLog2E * Softmax::kOne);
    alignas(64) float greatest[kStrips * kTileRows][kTileRows];
    const std::int64_t rows = queries.count;
    if constexpr (Softmax::kSubtractsMaximum) {
      for (auto& g : greatest) _mm512_store_ps(g, _mm512_set1_ps(-__builtin_inff()));
    }
    const auto strip_scores = [&](std::int64_t block, std::int64_t s) {
      return reinterpret_cast<float*>(scratch.scores + block * kBlockScores + s * kStripScores);
    };
    const auto row_scores = [&](std::int64_t block, std::int64_t r) {
      return strip_scores(block, r / kTileRows) + r % kTileRows * kOutRow;
    };
    const auto row_weights = [&](std::int64_t block, std::int64_t r) {
      return scratch.weights + (r / kTileRows * blocks + block) * kTileBytes + r % kTileRows * kTileRowBytes;
    };
    const auto weigh = [&](std::int64_t block, std::int64_t r, auto... most) {
      _mm512_store_si512(row_weights(block, r), softmax_.weights(row_scores(block, r), factor, most...));
    };
    const auto visit_scores = [&](std::int64_t block) {
      if constexpr (Softmax::kSubtractsMaximum) {
        for (std::int64_t r = 0; r < rows; ++r) {
          float* scores = row_scores(block, r);
          const std::int64_t left = head.k.count - block * kBlockKeys;
          if (left < kBlockKeys) leave_out_keys(scores, left);
          const __m512 low = _mm512_max_ps(_mm512_load_ps(greatest[r]), _mm512_load_ps(scores));
          _mm512_store_ps(greatest[r], _mm512_max_ps(low, _mm512_load_ps(scores + kTileBytes / 4)));
        }
      } else {
        const std::int64_t key = queries.first_key + block * kBlockKeys;
        const bool whole = head.reach.is_seen_whole(queries.first, rows, key, head.k.count);
        if (whole && head.relative_bias == nullptr && positions_ == nullptr) {
          for (std::int64_t r = 0; r < rows; ++r) weigh(block, r);
          return;
        }
        // Of the first row at `key`; the next one's begins an element before.
        const float* bias = scratch.bias + (head.q.count - 1 - queries.first) + key;
        for (std::int64_t r = 0; r < rows; ++r) {
          float* const scores = row_scores(block, r);
          if (positions_ != nullptr) add_tile_rows(scores, positions_->scores() + (scores - strip_scores(0, 0)));
          Floats32 exponents = exponents_of(scores, factor);
          if (head.relative_bias != nullptr) exponents = plus(exponents, bias - r);
          if (!whole) exponents = hide_unseen(exponents, head.reach.of(queries.first + r, 1, head.k.count), key);
          _mm512_store_si512(row_weights(block, r), softmax_.weights(exponents));
        }
      }
    };
    // The accumulators of block b are stored in the first step of block b + 1, to block b's scores.
    store_waiting(scratch);
    for (std::int64_t block = 0; block < blocks; ++block) {
      if (block == 0) {
        multiply_keys<kStrips, true>(scratch, block, steps);
        finish_stored(scratch);
      } else {
        multiply_keys<kStrips, false>(scratch, block, steps);
      }
      if (block >= 2) visit_scores(block - 2);
    }
    store_scores<kStrips>(scratch.scores + (blocks - 1) * kBlockScores);
    for (std::int64_t block = blocks > 2 ? blocks - 2 : 0; block < blocks; ++block) visit_scores(block);
    if constexpr (Softmax::kSubtractsMaximum) {
      for (std::int64_t r = 0; r < rows; ++r) {
        const __m512 most = _mm512_set1_ps(_mm512_reduce_max_ps(_mm512_load_ps(greatest[r])));
        for (std::int64_t block = 0; block < blocks; ++block) weigh(block, r, most);
      }
    }
  }

  /// The zeros that keys past the end have as scores might exceed all others by more than fp16 can hold, and infinity
  /// times a value of zero is no number.
  static void leave_out_keys(float* scores, std::int64_t left) {
    const __m512 none = _mm512_set1_ps(-__builtin_inff());
    _mm512_mask_store_ps(scores, static_cast<__mmask16>(~first16(left)), none);
    _mm512_mask_store_ps(scores + kTileBytes / 4, static_cast<__mmask16>(~first16(left - 16)), none);
  }

  template <int kStrips>
  static void store_scores(std::byte* scores) {
    tile_store<0>(scores);
    tile_store<1, kTileBytes>(scores);
    if constexpr (kStrips == 2) {
      tile_store<2, 2 * kTileBytes>(scores);
      tile_store<3, 3 * kTileBytes>(scores);
    }
  }

  template <int kTile, bool kFirst>
  static void next_scores(std::byte* last_scores) {
    if constexpr (!kFirst) tile_store<kTile, kTile * kTileBytes>(last_scores);
    tile_zero<kTile>();
  }

  /// Tiles 0 to 3 become the scores of a block, after those of the one before have been stored.
  template <int kStrips, bool kFirst>
  static void multiply_keys(const AmxAttentionScratch& scratch, std::int64_t block, std::int64_t steps) {
    using Tiles = typename E::Tiles;
    const std::byte* keys = scratch.keys + block * steps * 2 * kTileBytes;
    const std::byte* queries = scratch.queries;
    std::byte* last = kFirst ? nullptr : scratch.scores + (block - 1) * kBlockScores;
    tile_load<4>(queries);
    tile_load<6>(keys);
    next_scores<0, kFirst>(last);
    Tiles::template dot<0, 4, 6>();
    tile_load<7, kTileBytes>(keys);
    next_scores<1, kFirst>(last);
    Tiles::template dot<1, 4, 7>();
    if constexpr (kStrips == 2) {
      tile_load<5>(queries + steps * kTileBytes);
      next_scores<2, kFirst>(last);
      Tiles::template dot<2, 5, 6>();
      next_scores<3, kFirst>(last);
      Tiles::template dot<3, 5, 7>();
    }
    for (std::int64_t step = 1; step < steps; ++step) {
      queries += kTileBytes;
      keys += 2 * kTileBytes;
      tile_load<4>(queries);
      tile_load<6>(keys);
      Tiles::template dot<0, 4, 6>();
      tile_load<7, kTileBytes>(keys);
      Tiles::template dot<1, 4, 7>();
      if constexpr (kStrips == 2) {
        tile_load<5>(queries + steps * kTileBytes);
        Tiles::template dot<2, 5, 6>();
        Tiles::template dot<3, 5, 7>();
      }
    }
  }

  /// Weights of strip `s` by the columns of `strip`, into tiles 0 to 3; their sums into tile 4.
  void multiply_values(const WaitingStrip& strip, const AmxAttentionScratch& scratch, int s, std::int64_t blocks,
                       std::int64_t tiles) {
    using Tiles = typename E::Tiles;
    const bool wide = strip.columns > 2 * kTileRows;
    const std::byte* weights = scratch.weights + s * blocks * kTileBytes;
    const std::byte* values = scratch.values + strip.column / kTileRows * kTileBytes;
    store_waiting(scratch);
    tile_zero<0>();
    tile_zero<1>();
    tile_zero<2>();
    tile_zero<3>();
    tile_zero<4>();
    for (std::int64_t block = 0; block < blocks; ++block) {
      if (block == 0) tile_load<7>(scratch.ones);
      if (block + 1 == blocks) tile_load<7>(scratch.last_ones);
      tile_load<5>(weights);
      tile_load<6>(values);
      Tiles::template dot<0, 5, 6>();
      Tiles::template dot<4, 5, 7>();
      tile_load<6, kTileBytes>(values);
      Tiles::template dot<1, 5, 6>();
      if (wide) {
        tile_load<6, 2 * kTileBytes>(values);
        Tiles::template dot<2, 5, 6>();
        tile_load<6, 3 * kTileBytes>(values);
        Tiles::template dot<3, 5, 6>();
      }
      weights += kTileBytes;
      values += tiles * kTileBytes;
    }
    waiting_ = strip;
    finish_stored(scratch);
  }

  AmxPositions<E>* positions_;
  AmxSoftmax<E> softmax_;
  WaitingStrip waiting_;
  WaitingStrip stored_;
};

inline std::int64_t amx_attention_scratch_bytes(std::int64_t max_seqlen, std::int64_t head_dim) noexcept {
  return AmxAttentionScratch(nullptr, max_seqlen, head_dim).bytes;
}

template <class E, class RowElement, class OwnElement>
void amx_attention(const StagedAttentionCall& call) noexcept {
  const bool all = call.queries == AttentionQueries::kAll;
  const std::int32_t* offsets = call.cu_seqlens + call.first_sequence;
  std::int64_t longest = 0;
  for (std::int64_t s = 0; s < call.sequences; ++s) {
    const std::int64_t keys = offsets[s + 1] - offsets[s];
    longest = keys > longest ? keys : longest;
  }
  const AmxAttentionScratch scratch(call.scratch, longest, call.head_dim);
  const auto rows_of = [&](const Staging& staging, std::int64_t row, std::int64_t count, std::int64_t column) {
    const auto* data = reinterpret_cast<const std::uint16_t*>(staging.data);
    return HeadRows{data + row * staging.stride + column, staging.stride, count, call.head_dim};
  };
  const AttentionPattern& pattern = call.pattern;
  const bool positioned = pattern.position_keys != nullptr || pattern.position_queries != nullptr;
  if (longest == 0) return;
  AmxPositions<E> positions(pattern, positioned ? longest : 0, call.head_dim, call.position_scratch);
  AmxAttention<E, RowElement, OwnElement> attention(positioned ? &positions : nullptr);
  const StagedLines out(call.out);
  const AmxHead none{
      {}, {}, {},        {}, nullptr, positioned ? &pattern : nullptr, out, call.out.layout == StagingLayout::kOwn,
      0,  0,  call.scale};
  AmxHead heads[2] = {none, none};  // one may still wait
  int current = 0;
  const auto attend = [&](std::int64_t s, std::int64_t h) {
    const std::int64_t tokens = offsets[s + 1] - offsets[s];
    if (tokens == 0) return;
    const std::int64_t queries = all ? tokens : 1;
    const KeyReach reach = reach_of(pattern, tokens, call.queries == AttentionQueries::kLastOfEach ? tokens - 1 : 0);
    const KeySpan seen = reach.of(0, queries, tokens);
    // In whole blocks, so that each key is in the place that it has among all.
    const std::int64_t left_out = seen.begin / kBlockKeys * kBlockKeys;
    const std::int64_t keys = seen.end - left_out;
    const std::int64_t first_key = offsets[s] - call.first_token + left_out;
    const std::int64_t first_row = all ? first_key : s;
    AmxHead& head = heads[current];
    current ^= 1;
    head.q = rows_of(call.q, first_row, queries, h * call.head_dim);
    head.k = rows_of(call.k, first_key, keys, h / call.group * call.head_dim);
    head.v = rows_of(call.v, first_key, keys, h / call.group * call.head_dim);
    head.reach = reach;
    head.reach.first_position -= left_out;
    const float* bias = pattern.relative_bias;
    head.relative_bias = bias == nullptr ? nullptr : bias + h * pattern.relative_bias_stride;
    head.first_row = first_row;
    head.column = h * call.head_dim;
    if (positioned) positions.begin_sequence(head.k);
    const bool shared = !positioned && h > call.first_head && h % call.group != 0;
    attention.attend(head, shared ? Copies::kInScratch : Copies::kToBeMade, scratch);
  };
  const std::int64_t end = call.first_head + call.heads;
  if (positioned) {  // heads outside, so that the table of each is packed once
    for (std::int64_t h = call.first_head; h < end; ++h) {
      positions.begin_head(h * call.head_dim);
      for (std::int64_t s = 0; s < call.sequences; ++s) attend(s, h);
    }
  } else {
    for (std::int64_t s = 0; s < call.sequences; ++s) {
      for (std::int64_t h = call.first_head; h < end; ++h) attend(s, h);
    }
  }
  attention.finish(scratch);
}

}  // namespace
}  // namespace valence::kernels
