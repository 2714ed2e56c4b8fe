/// \file
/// Operands of bf16 products from f32 by AVX512-BF16. Included only by the files of one instruction set each.
#pragma once

#include "valence/kernels/amx_elements.h"
#include "valence/kernels/amx_tile_transpose.h"
#include "valence/kernels/bf16_products.h"

namespace valence::kernels {
namespace {

/// n <= 32 floats from p on, then zeros.
inline Floats32 load_floats(const float* p, std::int64_t n) {
  if (n >= 32) return {_mm512_loadu_ps(p), _mm512_loadu_ps(p + 16)};
  const auto mask = static_cast<std::uint32_t>((std::uint64_t{1} << (n > 0 ? n : 0)) - 1U);
  return {_mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), p),
          _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask >> 16U), p + 16)};
}

/// 16 lines with the depth along them: rows of a tile.
inline void round_lines(const float* from, std::int64_t stride, std::int64_t lines, std::int64_t depth,
                        std::byte* tile) {
  for (std::int64_t i = 0; i < kTileRows; ++i, tile += kTileRowBytes) {
    const __m512i row = i < lines ? Bf16::narrow(load_floats(from + i * stride, depth)) : _mm512_setzero_si512();
    _mm512_store_si512(tile, row);
  }
}

/// 16 lines with the depth across them: row p of a tile is the depths 2 p and 2 p + 1 of each line, side by side.
inline void round_pairs(const float* from, std::int64_t stride, std::int64_t lines, std::int64_t depth,
                        std::byte* tile) {
  const __m512i side_by_side = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23, 7, 22,
                                                6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
  const __mmask16 mask = lines >= kTileRows ? __mmask16{0xffff} : SimdAvx512::first(lines > 0 ? lines : 0);
  const auto row = [&](std::int64_t k) {
    return k < depth ? _mm512_maskz_loadu_ps(mask, from + k * stride) : _mm512_setzero_ps();
  };
  for (std::int64_t k = 0; k < kBf16StepDepth; k += 2, tile += kTileRowBytes) {
    _mm512_store_si512(tile, _mm512_permutexvar_epi16(side_by_side, Bf16::narrow({row(k), row(k + 1)})));
  }
}

inline void pack_bf16_strip(const Bf16PackCall& call) noexcept {
  alignas(64) std::byte turned[kTileBytes];
  std::byte* to = call.to;
  for (std::int64_t k = 0; k < call.depth; k += kBf16StepDepth, to += kBf16StripStepBytes) {
    if (call.order == DepthOrder::kAlongLines) {
      round_lines(call.from + k, call.stride, call.lines, call.depth - k, to);
    } else {
      round_pairs(call.from + k * call.stride, call.stride, call.lines, call.depth - k, turned);
      transpose_tile(turned, kTileRowBytes, to);
    }
  }
}

inline void pack_bf16_panel(const Bf16PackCall& call) noexcept {
  alignas(64) std::byte turned[kTileBytes];
  std::byte* to = call.to;
  for (std::int64_t k = 0; k < call.depth; k += kBf16StepDepth) {
    for (std::int64_t line = 0; line < kBf16PanelColumns; line += kTileRows, to += kTileBytes) {
      const std::int64_t lines = call.lines - line;
      if (call.order == DepthOrder::kAlongLines) {
        round_lines(call.from + line * call.stride + k, call.stride, lines, call.depth - k, turned);
        transpose_tile(turned, kTileRowBytes, to);
      } else {
        round_pairs(call.from + k * call.stride + line, call.stride, lines, call.depth - k, to);
      }
    }
  }
}

}  // namespace
}  // namespace valence::kernels
