/// \file
/// Queries, keys and values of one head as tiles. Rows and columns past the end are zeros, so that what lies beyond a
/// sequence, or in the next head, matters to nothing.
#pragma once

#include "valence/kernels/amx_attention_softmax.h"
#include "valence/kernels/amx_precision.h"
#include "valence/kernels/amx_tile_transpose.h"

namespace valence::kernels {
namespace {

/// 16-bit elements [count][width] of one head, `stride` elements from row to row.
struct HeadRows {
  const std::uint16_t* data;
  std::int64_t stride;
  std::int64_t count;
  std::int64_t width;

  /// Elements [i, i + 32) of row r, zeros outside.
  [[nodiscard]] __m512i line(std::int64_t r, std::int64_t i) const {
    const std::int64_t left = r < count ? width - i : 0;
    if (left >= kElementsInRow) return _mm512_loadu_si512(data + r * stride + i);
    if (left <= 0) return _mm512_setzero_si512();
    return _mm512_maskz_loadu_epi16(static_cast<__mmask32>((1U << left) - 1U), data + r * stride + i);
  }
};

/// Rows [first, first + 16) as tiles along the width: the left side of a product.
inline void pack_query_strip(const HeadRows& rows, std::int64_t first, std::byte* out) {
  for (std::int64_t i = 0; i < rows.width; i += kElementsInRow) {
    for (std::int64_t r = 0; r < kTileRows; ++r, out += kTileRowBytes) {
      _mm512_store_si512(out, rows.line(first + r, i));
    }
  }
}

/// Keys as the columns of panels: [keys / 32][width / 32][2][tile].
inline void pack_keys(const HeadRows& rows, std::byte* out) {
  alignas(64) std::byte padded[kTileBytes];
  const std::int64_t steps = (rows.width + kElementsInRow - 1) / kElementsInRow;
  for (std::int64_t key = 0; key < round_up(rows.count, 2 * kTileRows); key += kTileRows) {
    std::byte* to = out + (key / 32 * steps * 2 + key / kTileRows % 2) * kTileBytes;
    for (std::int64_t i = 0; i < rows.width; i += kElementsInRow, to += 2 * kTileBytes) {
      if (key + kTileRows <= rows.count && i + kElementsInRow <= rows.width) {
        transpose_tile(reinterpret_cast<const std::byte*>(rows.data + key * rows.stride + i), rows.stride * 2, to);
        continue;
      }
      for (std::int64_t r = 0; r < kTileRows; ++r) {
        _mm512_store_si512(padded + r * kTileRowBytes, rows.line(key + r, i));
      }
      transpose_tile(padded, kTileRowBytes, to);
    }
  }
}

/// Values as the right side of the second product: [keys / 32][width / 16, even][tile], pairs of keys in the order of
/// the weights. And the ones whose product with the weights is their sum: the tile for whole blocks of keys, then that
/// for the last one.
inline void pack_values(const HeadRows& rows, std::uint16_t one, std::byte* out, std::byte* ones) {
  const __m512i low_pairs = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, 39, 7, 38, 6,
                                             37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
  const __m512i high_pairs = _mm512_add_epi16(low_pairs, _mm512_set1_epi16(16));
  const std::int64_t tiles = round_up(rows.width, kElementsInRow) / kTileRows;
  const std::int64_t blocks = (rows.count + 31) / 32;
  for (std::int64_t block = 0; block < blocks; ++block) {
    for (std::int64_t pair = 0; pair < 16; ++pair) {
      const std::int64_t key = block * 32 + 2 * pair;
      std::byte* to = out + block * tiles * kTileBytes + weight_position(pair) * kTileRowBytes;
      for (std::int64_t i = 0; i < rows.width; i += kElementsInRow, to += 2 * kTileBytes) {
        const __m512i even = rows.line(key, i);
        const __m512i odd = rows.line(key + 1, i);
        _mm512_store_si512(to, _mm512_permutex2var_epi16(even, low_pairs, odd));
        _mm512_store_si512(to + kTileBytes, _mm512_permutex2var_epi16(even, high_pairs, odd));
      }
    }
  }
  for (std::int64_t pair = 0; pair < 16; ++pair) {
    const std::int64_t key = (blocks - 1) * 32 + 2 * pair;
    const std::uint32_t all = one | static_cast<std::uint32_t>(one) << 16U;
    const std::uint32_t kept = key + 1 < rows.count ? all : key < rows.count ? one : 0U;
    std::byte* to = ones + weight_position(pair) * kTileRowBytes;
    _mm512_store_si512(to, _mm512_set1_epi32(static_cast<int>(all)));
    _mm512_store_si512(to + kTileBytes, _mm512_set1_epi32(static_cast<int>(kept)));
  }
}

}  // namespace
}  // namespace valence::kernels
