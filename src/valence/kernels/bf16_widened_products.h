/// \file
/// The bf16 products of training in f32 arithmetic: operands are widened a block at a time, and a product of two bf16
/// numbers is exact in f32. Included only by the files of one ISA each.
#pragma once

#include <cstring>

#include "valence/kernels/bf16_products.h"
#include "valence/kernels/training_products.h"

namespace valence::kernels {
namespace {

/// To the nearest, ties to even; NaN stays one.
[[gnu::always_inline]] inline std::uint16_t to_bf16(float x) {
  const std::uint32_t bits = __builtin_bit_cast(std::uint32_t, x);
  const std::uint32_t rounded = (bits + 0x7fffU + ((bits >> 16U) & 1U)) >> 16U;
  return static_cast<std::uint16_t>((bits & 0x7fffffffU) > 0x7f800000U ? (bits >> 16U) | 0x40U : rounded);
}

[[gnu::always_inline]] inline float from_bf16(std::uint16_t x) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(x) << 16U);
}

/// A tile of a strip in the order of its lines, whichever way they come.
inline void round_tile(const Bf16PackCall& call, std::int64_t first_line, std::int64_t k, std::uint16_t* tile) {
  const std::int64_t lines = call.lines - first_line;
  const std::int64_t depth = call.depth - k < kBf16StepDepth ? call.depth - k : kBf16StepDepth;
  std::memset(tile, 0, kBf16StripStepBytes);
  if (call.order == DepthOrder::kAlongLines) {
    for (std::int64_t i = 0; i < kBf16StripRows && i < lines; ++i) {
      const float* from = call.from + (first_line + i) * call.stride + k;
      for (std::int64_t d = 0; d < depth; ++d) tile[i * kBf16StepDepth + d] = to_bf16(from[d]);
    }
    return;
  }
  for (std::int64_t d = 0; d < depth; ++d) {
    const float* from = call.from + (k + d) * call.stride + first_line;
    for (std::int64_t i = 0; i < kBf16StripRows && i < lines; ++i) tile[i * kBf16StepDepth + d] = to_bf16(from[i]);
  }
}

inline void pack_widened_strip(const Bf16PackCall& call) noexcept {
  auto* to = reinterpret_cast<std::uint16_t*>(call.to);
  for (std::int64_t k = 0; k < call.depth; k += kBf16StepDepth, to += kBf16StripRows * kBf16StepDepth) {
    round_tile(call, 0, k, to);
  }
}

inline void pack_widened_panel(const Bf16PackCall& call) noexcept {
  std::uint16_t tile[kBf16StripRows * kBf16StepDepth];
  auto* to = reinterpret_cast<std::uint16_t*>(call.to);
  for (std::int64_t k = 0; k < call.depth; k += kBf16StepDepth) {
    for (std::int64_t line = 0; line < kBf16PanelColumns; line += kBf16StripRows) {
      round_tile(call, line, k, tile);
      for (std::int64_t d = 0; d < kBf16StepDepth; d += 2) {
        for (std::int64_t i = 0; i < kBf16StripRows; ++i) {
          *to++ = tile[i * kBf16StepDepth + d];
          *to++ = tile[i * kBf16StepDepth + d + 1];
        }
      }
    }
  }
}

// Rows and tiles of depth that are widened at a time: 64 and 32 KiB.
inline constexpr std::int64_t kWidenedRows = 64;
inline constexpr std::int64_t kWidenedSteps = 8;
inline constexpr std::int64_t kWidenedDepth = kWidenedSteps * kBf16StepDepth;

inline void widen_rows(const Bf16ProductCall& call, std::int64_t first_row, std::int64_t rows, std::int64_t step,
                       std::int64_t steps, float* to) {
  for (std::int64_t r = 0; r < rows; ++r) {
    const std::int64_t row = first_row + r;
    const auto* tile = reinterpret_cast<const std::uint16_t*>(call.left + (row / kBf16StripRows * call.steps + step) *
                                                                              kBf16StripStepBytes);
    const std::uint16_t* from = tile + row % kBf16StripRows * kBf16StepDepth;
    for (std::int64_t s = 0; s < steps; ++s, from += kBf16StripRows * kBf16StepDepth) {
      for (std::int64_t d = 0; d < kBf16StepDepth; ++d)
        to[r * kWidenedDepth + s * kBf16StepDepth + d] = from_bf16(from[d]);
    }
  }
}

inline void widen_panel(const std::byte* panel, std::int64_t steps, float* to) {
  const auto* from = reinterpret_cast<const std::uint16_t*>(panel);
  for (std::int64_t s = 0; s < steps; ++s, to += kBf16StepDepth * kBf16PanelColumns) {
    for (std::int64_t column = 0; column < kBf16PanelColumns; column += kBf16StripRows) {
      for (std::int64_t d = 0; d < kBf16StepDepth; d += 2, from += 2 * kBf16StripRows) {
        float* even = to + d * kBf16PanelColumns + column;
        for (std::int64_t i = 0; i < kBf16StripRows; ++i) {
          even[i] = from_bf16(from[2 * i]);
          even[kBf16PanelColumns + i] = from_bf16(from[2 * i + 1]);
        }
      }
    }
  }
}

template <class V>
void widened_product(const Bf16ProductCall& call) noexcept {
  alignas(64) float left[kWidenedRows * kWidenedDepth];
  alignas(64) float right[kWidenedDepth * kBf16PanelColumns];
  alignas(64) float sums[kWidenedRows * kBf16PanelColumns];
  for (std::int64_t row = 0; row < call.out.rows; row += kWidenedRows) {
    const std::int64_t rows = call.out.rows - row < kWidenedRows ? call.out.rows - row : kWidenedRows;
    for (std::int64_t column = 0; column < call.columns; column += kBf16PanelColumns) {
      const std::byte* panel = call.right + column / kBf16PanelColumns * call.steps * kBf16PanelStepBytes;
      for (std::int64_t step = 0; step < call.steps; step += kWidenedSteps) {
        const std::int64_t steps = call.steps - step < kWidenedSteps ? call.steps - step : kWidenedSteps;
        widen_rows(call, row, rows, step, steps, left);
        widen_panel(panel + step * kBf16PanelStepBytes, steps, right);
        multiply<V>({.a = left,
                     .a_stride = kWidenedDepth,
                     .b = right,
                     .b_stride = kBf16PanelColumns,
                     .c = sums,
                     .c_stride = kBf16PanelColumns,
                     .rows = rows,
                     .columns = kBf16PanelColumns,
                     .depth = steps * kBf16StepDepth,
                     .accumulate = step > 0});
      }
      const std::int64_t left_over = call.columns - column;
      const std::int64_t columns = left_over < kBf16PanelColumns ? left_over : kBf16PanelColumns;
      for (std::int64_t r = 0; r < rows; ++r) {
        float* out = call.out.data + (row + r) * call.out.stride + column;
        for (std::int64_t c = 0; c < columns; ++c) {
          float y = sums[r * kBf16PanelColumns + c];
          if (call.bias != nullptr) y += call.bias[column + c];
          out[c] = call.accumulate ? out[c] + y : y;
        }
      }
    }
  }
}

template <class V>
constexpr Bf16Products widened_bf16_products(const char* path) {
  return {path, pack_widened_strip, pack_widened_panel, widened_product<V>};
}

}  // namespace
}  // namespace valence::kernels
