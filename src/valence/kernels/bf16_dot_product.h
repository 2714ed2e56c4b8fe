/// \file
/// The bf16 product of training by vdpbf16ps.
#pragma once

#include <cstring>

#include "valence/kernels/amx_elements.h"
#include "valence/kernels/bf16_products.h"
#include "valence/kernels/tile.h"

namespace valence::kernels {
namespace {

// Half a strip by a panel: 16 accumulators hide the latency on two ports, and 10 loads feed 16 dot products.
inline constexpr int kDotRows = 8;

/// One panel by the first kRows rows of half a strip.
template <int kRows, bool kAccumulate>
void multiply_half_strip(const std::byte* left, const std::byte* right, std::int64_t steps, __mmask32 columns,
                         const float* bias, float* out, std::int64_t stride) {
  __m512 sums[kRows][2];
  VALENCE_UNROLL
  for (int i = 0; i < kRows; ++i) sums[i][0] = sums[i][1] = _mm512_setzero_ps();
  for (std::int64_t step = 0; step < steps; ++step) {
    for (int pair = 0; pair < 16; ++pair) {
      const auto low = reinterpret_cast<__m512bh>(_mm512_load_si512(right + pair * kTileRowBytes));
      const auto high = reinterpret_cast<__m512bh>(_mm512_load_si512(right + kTileBytes + pair * kTileRowBytes));
      VALENCE_UNROLL
      for (int i = 0; i < kRows; ++i) {
        std::int32_t values;
        std::memcpy(&values, left + i * kTileRowBytes + pair * 4, sizeof values);
        const auto both = reinterpret_cast<__m512bh>(_mm512_set1_epi32(values));
        sums[i][0] = _mm512_dpbf16_ps(sums[i][0], both, low);
        sums[i][1] = _mm512_dpbf16_ps(sums[i][1], both, high);
      }
    }
    left += kBf16StripStepBytes;
    right += kBf16PanelStepBytes;
  }
  const __mmask16 masks[2] = {static_cast<__mmask16>(columns), static_cast<__mmask16>(columns >> 16U)};
  VALENCE_UNROLL
  for (int i = 0; i < kRows; ++i) {
    VALENCE_UNROLL
    for (int j = 0; j < 2; ++j) {
      float* const to = out + i * stride + j * 16;
      __m512 y = sums[i][j];
      if (bias != nullptr) y = _mm512_add_ps(y, _mm512_maskz_loadu_ps(masks[j], bias + j * 16));
      if constexpr (kAccumulate) y = _mm512_add_ps(_mm512_maskz_loadu_ps(masks[j], to), y);
      _mm512_mask_storeu_ps(to, masks[j], y);
    }
  }
}

template <int kMaxRows, bool kAccumulate>
void multiply_half_strip_rows(std::int64_t rows, const std::byte* left, const std::byte* right, std::int64_t steps,
                              __mmask32 columns, const float* bias, float* out, std::int64_t stride) {
  if constexpr (kMaxRows > 1) {
    if (rows < kMaxRows) {
      return multiply_half_strip_rows<kMaxRows - 1, kAccumulate>(rows, left, right, steps, columns, bias, out, stride);
    }
  }
  multiply_half_strip<kMaxRows, kAccumulate>(left, right, steps, columns, bias, out, stride);
}

template <bool kAccumulate>
void multiply_dots(const Bf16ProductCall& call) {
  const std::int64_t panel_bytes = call.steps * kBf16PanelStepBytes;
  for (std::int64_t column = 0; column < call.columns; column += kBf16PanelColumns) {
    const std::byte* right = call.right + column / kBf16PanelColumns * panel_bytes;
    const std::int64_t left_over = call.columns - column;
    const auto mask = left_over >= kBf16PanelColumns ? ~__mmask32{0} : static_cast<__mmask32>((1U << left_over) - 1U);
    const float* bias = call.bias == nullptr ? nullptr : call.bias + column;
    for (std::int64_t row = 0; row < call.out.rows; row += kDotRows) {
      const std::byte* left =
          call.left + row / kBf16StripRows * call.steps * kBf16StripStepBytes + row % kBf16StripRows * kTileRowBytes;
      float* const out = call.out.data + row * call.out.stride + column;
      const std::int64_t rows = call.out.rows - row < kDotRows ? call.out.rows - row : kDotRows;
      multiply_half_strip_rows<kDotRows, kAccumulate>(rows, left, right, call.steps, mask, bias, out, call.out.stride);
    }
  }
}

inline void bf16_dot_product(const Bf16ProductCall& call) noexcept {
  call.accumulate ? multiply_dots<true>(call) : multiply_dots<false>(call);
}

}  // namespace
}  // namespace valence::kernels
