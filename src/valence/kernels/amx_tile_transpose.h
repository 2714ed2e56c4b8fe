/// \file
/// A tile turned, in registers.
#pragma once

#include <immintrin.h>

#include "valence/kernels/amx_tiles.h"

namespace valence::kernels {
namespace {

/// A tile transposed, in units of 32 bits. from: 16 rows of 64 bytes.
///
/// Rows i, i + 4, i + 8, i + 12 in the four quarters of a register (broadcasts under a mask leave the shuffle port
/// free): a 4x4 transposition in each quarter does the rest.
inline void transpose_tile(const std::byte* from, std::int64_t row_bytes, std::byte* to) {
  for (int quarter = 0; quarter < 4; ++quarter, from += 16, to += 4 * kTileRowBytes) {
    const auto quad = [&](int i) {
      const auto row = [&](int r) { return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from + r * row_bytes)); };
      __m512i v = _mm512_castsi128_si512(row(i));
      v = _mm512_mask_broadcast_i32x4(v, 0x00f0, row(i + 4));
      v = _mm512_mask_broadcast_i32x4(v, 0x0f00, row(i + 8));
      return _mm512_mask_broadcast_i32x4(v, 0xf000, row(i + 12));
    };
    const __m512i r0 = quad(0);
    const __m512i r1 = quad(1);
    const __m512i r2 = quad(2);
    const __m512i r3 = quad(3);
    const __m512i a = _mm512_unpacklo_epi32(r0, r1);
    const __m512i b = _mm512_unpackhi_epi32(r0, r1);
    const __m512i c = _mm512_unpacklo_epi32(r2, r3);
    const __m512i d = _mm512_unpackhi_epi32(r2, r3);
    _mm512_store_si512(to, _mm512_unpacklo_epi64(a, c));
    _mm512_store_si512(to + kTileRowBytes, _mm512_unpackhi_epi64(a, c));
    _mm512_store_si512(to + 2 * kTileRowBytes, _mm512_unpacklo_epi64(b, d));
    _mm512_store_si512(to + 3 * kTileRowBytes, _mm512_unpackhi_epi64(b, d));
  }
}

}  // namespace
}  // namespace valence::kernels
