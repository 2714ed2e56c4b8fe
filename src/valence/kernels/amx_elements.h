/// \file
/// 16-bit elements as AVX-512 vectors: how the AMX kernels stage what goes from one operation to the next, and the
/// operands of the 16-bit tables.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "valence/kernels/amx_tiles.h"
#include "valence/kernels/simd_avx512.h"

namespace valence::kernels {
namespace {

/// Two vectors of f32, 32 neighbours in a row.
struct Floats32 {
  __m512 low;
  __m512 high;
};

struct Bf16 {
  using Tiles = Bf16Tiles;
  static __m512i narrow(Floats32 x) { return reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(x.high, x.low)); }
  static __m512 widen(__m256i x) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16)); }
};

struct Fp16 {
  using Tiles = Fp16Tiles;
  static __m512i narrow(Floats32 x) {
    const auto low = _mm512_castsi256_si512(_mm512_cvtps_ph(x.low, _MM_FROUND_TO_NEAREST_INT));
    return _mm512_inserti64x4(low, _mm512_cvtps_ph(x.high, _MM_FROUND_TO_NEAREST_INT), 1);
  }
  static __m512 widen(__m256i x) { return _mm512_cvtph_ps(x); }
};

template <class E>
Floats32 widen32(__m512i x) {
  return {E::widen(_mm512_castsi512_si256(x)), E::widen(_mm512_extracti64x4_epi64(x, 1))};
}

inline constexpr std::int64_t kElementsInRow = 32;  ///< 16-bit elements in a row of a tile

inline std::int64_t round_up(std::int64_t value, std::int64_t step) { return (value + step - 1) / step * step; }

}  // namespace
}  // namespace valence::kernels
