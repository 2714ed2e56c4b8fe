/// \file
/// What attention on tiles needs of an AttentionPattern: the keys that a query sees, and biases in the order of keys.
#pragma once

#include "valence/kernels/amx_attention_softmax.h"
#include "valence/kernels/kernel_table.h"

namespace valence::kernels {
namespace {

inline constexpr std::int64_t kBlockKeys = 32;

inline std::int64_t key_blocks(std::int64_t keys) { return (keys + kBlockKeys - 1) / kBlockKeys; }

struct KeySpan {
  std::int64_t begin;
  std::int64_t end;
};

/// Which keys the queries of a sequence see, each around its own.
struct KeyReach {
  std::int64_t first_position;  ///< of the first query among the keys
  std::int64_t back;            ///< keys before its own
  std::int64_t ahead;           ///< keys after it

  /// What any of queries [query, query + count) sees of `keys`.
  [[nodiscard]] KeySpan of(std::int64_t query, std::int64_t count, std::int64_t keys) const {
    const std::int64_t begin = first_position + query - back;
    const std::int64_t end = first_position + query + count + ahead;
    return {begin > 0 ? begin : 0, end < keys ? end : keys};
  }
  /// Whether each of those queries sees all of the block of keys from `key` on.
  [[nodiscard]] bool is_seen_whole(std::int64_t query, std::int64_t count, std::int64_t key, std::int64_t keys) const {
    const std::int64_t end = key + kBlockKeys < keys ? key + kBlockKeys : keys;
    return first_position + query + count - 1 - back <= key && first_position + query + 1 + ahead >= end;
  }
};

inline KeyReach reach_of(const AttentionPattern& pattern, std::int64_t tokens, std::int64_t first_position) {
  const std::int64_t window = pattern.window < 0 || pattern.window > tokens ? tokens : pattern.window;
  return {first_position, window, pattern.causal ? 0 : window};
}

inline std::int64_t spread_bias_floats(std::int64_t keys) { return (2 * key_blocks(keys) + 1) * kBlockKeys; }

/// out[last position + key - query] = factor * relative_bias[query - key] for all keys of the blocks; zeros past the
/// last key. A row of scores then adds its biases as they lie.
inline void spread_bias(const float* relative_bias, float factor, const KeyReach& reach, std::int64_t queries,
                        std::int64_t keys, float* out) {
  const __m512i backwards = _mm512_setr_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const std::int64_t last = reach.first_position + queries - 1;
  const std::int64_t distances = last + keys - reach.first_position;
  const float* from = relative_bias + last - 15;  // the distance falls as the key rises
  std::int64_t i = 0;
  for (; i + 16 <= distances; i += 16) {
    const __m512 bias = _mm512_permutexvar_ps(backwards, _mm512_loadu_ps(from - i));
    _mm512_storeu_ps(out + i, _mm512_mul_ps(bias, _mm512_set1_ps(factor)));
  }
  for (; i < distances; ++i) out[i] = relative_bias[last - i] * factor;
  for (const std::int64_t end = distances + kBlockKeys; i < end; ++i) out[i] = 0.0F;
}

/// Exponents of the weights of 32 keys, from scores in two tiles side by side.
inline Floats32 exponents_of(const float* scores, __m512 factor) {
  return {_mm512_mul_ps(_mm512_load_ps(scores), factor),
          _mm512_mul_ps(_mm512_load_ps(scores + kTileBytes / 4), factor)};
}

inline Floats32 plus(Floats32 exponents, const float* bias) {
  return {_mm512_add_ps(exponents.low, _mm512_loadu_ps(bias)),
          _mm512_add_ps(exponents.high, _mm512_loadu_ps(bias + 16))};
}

/// -infinity in place of the keys [key, key + 32) that are not in `seen`.
inline Floats32 hide_unseen(Floats32 exponents, KeySpan seen, std::int64_t key) {
  const auto below = [&](std::int64_t end) {
    return end >= key + kBlockKeys ? 0xffffffffU : end > key ? (1U << static_cast<unsigned>(end - key)) - 1U : 0U;
  };
  const std::uint32_t kept = below(seen.end) & ~below(seen.begin);
  const __m512 none = _mm512_set1_ps(-__builtin_inff());
  return {_mm512_mask_mov_ps(none, static_cast<__mmask16>(kept), exponents.low),
          _mm512_mask_mov_ps(none, static_cast<__mmask16>(kept >> 16U), exponents.high)};
}

}  // namespace
}  // namespace valence::kernels
