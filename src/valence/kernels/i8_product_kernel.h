/// \file
/// The int8 product: quantised rows by packed weights, with exact 32-bit sums.
///
/// A panel holds kPanelVectors vectors of columns: [depth / kGroup][column][kGroup], zeros where the depth ends.
#pragma once

#include "valence/kernels/encoder_kernels.h"
#include "valence/kernels/tile.h"
#include "valence/kernels/vector_math.h"

namespace valence::kernels {
namespace {

/// Widths of operands in memory: whole steps of quantize() and of the depth, so that neither needs a tail.
inline constexpr std::int64_t kOperandWidthStep = 64;
inline constexpr std::int64_t padded_width(std::int64_t width) {
  return (width + kOperandWidthStep - 1) / kOperandWidthStep * kOperandWidthStep;
}

template <class D>
inline constexpr std::int64_t kColumnsOf = D::kPanelVectors* D::Float::kWidth;

template <class D>
std::int64_t i8_panel_bytes(std::int64_t in_features) noexcept {
  return padded_width(in_features) * kColumnsOf<D>;
}

template <class D>
std::int64_t i8_operand_bytes(std::int64_t rows, std::int64_t width) noexcept {
  return rows * padded_width(width) * static_cast<std::int64_t>(sizeof(typename D::Element));
}

template <class D>
void i8_pack_panel(const float* rows, std::int64_t columns, std::int64_t in_features, std::byte* panel) noexcept {
  constexpr std::int64_t kColumns = kColumnsOf<D>;
  const std::int64_t depth = padded_width(in_features);
  for (std::int64_t k = 0; k < depth; k += D::kGroup) {
    for (std::int64_t c = 0; c < kColumns; ++c) {
      for (std::int64_t i = 0; i < D::kGroup; ++i) {
        const bool inside = c < columns && k + i < in_features;
        const int w = inside ? static_cast<int>(rows[c * in_features + k + i]) : 0;
        *panel++ = static_cast<std::byte>(D::kUnsignedWeights ? w + 128 : w);
      }
    }
  }
}

/// One tile's sums on their way to the epilogue.
template <class D>
struct I8Tile {
  const typename D::Element* x;  ///< its first row
  std::int64_t x_stride;         ///< in elements
  const std::int32_t* row_sums;  ///< of its rows
  const std::byte* panel;
  std::int64_t depth;  ///< a multiple of kGroup
  std::int32_t* sums;  ///< [rows][kColumnsOf<D>]
  const char* prefetch;
  std::int64_t prefetch_step;
};

template <class D, int kRows, int kPrefetchLines>
[[gnu::noinline]] void i8_multiply_tile(const I8Tile<D>& tile) {
  constexpr int kVectors = D::kPanelVectors;
  typename D::Sums sums[kRows][kVectors];
  VALENCE_UNROLL
  for (int i = 0; i < kRows; ++i) {
    const auto start = D::start(D::kUnsignedWeights ? -128 * tile.row_sums[i] : 0);
    VALENCE_UNROLL
    for (int j = 0; j < kVectors; ++j) sums[i][j] = start;
  }
  const typename D::Element* x = tile.x;
  const typename D::Element* end = x + tile.depth;
  const std::int64_t stride = tile.x_stride;
  const std::byte* panel = tile.panel;
  const char* prefetch = tile.prefetch;
  const std::int64_t prefetch_step = tile.prefetch_step;
  for (; x != end; x += D::kGroup) {
    typename D::Weights weights[kVectors];
    VALENCE_UNROLL
    for (int j = 0; j < kVectors; ++j) weights[j] = D::load_weights(panel + j * D::kWeightBytes);
    panel += kVectors * D::kWeightBytes;
    VALENCE_UNROLL
    for (int line = 0; line < kPrefetchLines; ++line) __builtin_prefetch(prefetch + line * 64, 0, 2);
    if constexpr (kPrefetchLines > 0) prefetch += prefetch_step;
    VALENCE_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const auto group = D::load_group(x + i * stride);
      VALENCE_UNROLL
      for (int j = 0; j < kVectors; ++j) sums[i][j] = D::dot(sums[i][j], weights[j], group);
    }
  }
  VALENCE_UNROLL
  for (int i = 0; i < kRows; ++i) {
    VALENCE_UNROLL
    for (int j = 0; j < kVectors; ++j) {
      D::store_sums(tile.sums + (i * kVectors + j) * D::Float::kWidth, sums[i][j]);
    }
  }
}

template <class D, int kMaxRows, int kPrefetchLines>
void i8_multiply_rows(std::int64_t rows, const I8Tile<D>& tile) {
  if constexpr (kMaxRows > 1) {
    if (rows < kMaxRows) return i8_multiply_rows<D, kMaxRows - 1, kPrefetchLines>(rows, tile);
  }
  i8_multiply_tile<D, kMaxRows, kPrefetchLines>(tile);
}

/// The activation of a product whose result is quantised next: gelu may be coarser than the reference's.
template <class V, Activation kActivation>
typename V::Vec staged_activation(typename V::Vec x) {
  if constexpr (kActivation == Activation::kGelu) return gelu_to_be_quantized<V>(x);
  return activation<V, kActivation>(x);
}

template <class D, Activation kActivation>
[[gnu::noinline]] void i8_store_tile(const std::int32_t* sums, const float* row_scales, const float* scales,
                                     const float* bias, std::int64_t rows, std::int64_t columns, float* out,
                                     std::int64_t stride) {
  using V = typename D::Float;
  constexpr std::int64_t kColumns = kColumnsOf<D>;
  const std::int64_t whole = columns / V::kWidth * V::kWidth;
  const auto value = [&](std::int64_t r, std::int64_t c) {
    const auto scale = V::mul(V::load(scales + c), V::broadcast(row_scales[r]));
    const auto sum = D::to_float(D::load_sums(sums + r * kColumns + c));
    return staged_activation<V, kActivation>(V::fma(sum, scale, V::load(bias + c)));
  };
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < whole; c += V::kWidth) V::store(out + r * stride + c, value(r, c));
    if (whole < columns) V::store_partial(out + r * stride + whole, value(r, whole), columns - whole);
  }
}

// Panel bytes to run ahead when there is but one tile a panel, and the product waits for memory.
inline constexpr std::int64_t kI8PrefetchAheadBytes = 16384;

template <class D>
void i8_product(const ProductCall& call) noexcept {
  constexpr std::int64_t kColumns = kColumnsOf<D>;
  constexpr std::int64_t kStepBytes = D::kPanelVectors * D::kWeightBytes;
  constexpr int kStepLines = static_cast<int>((kStepBytes + 63) / 64);
  const auto& weights = call.weights;
  const std::int64_t depth = padded_width(weights.in_features);
  const std::int64_t panel_bytes = i8_panel_bytes<D>(weights.in_features);
  const std::int64_t tiles = (call.rows + D::kTileRows - 1) / D::kTileRows;
  alignas(64) std::int32_t sums[D::kTileRows * kColumns];
  const auto* x = reinterpret_cast<const typename D::Element*>(call.x.values);
  auto* out = reinterpret_cast<float*>(call.out.data);
  for (std::int64_t panel = call.first_panel; panel < call.first_panel + call.panels; ++panel) {
    const std::int64_t column = panel * kColumns;
    const std::int64_t left = weights.out_features - column;
    const std::int64_t columns = left < kColumns ? left : kColumns;
    I8Tile<D> tile;
    tile.x_stride = depth;
    tile.panel = weights.panels + panel * panel_bytes;
    tile.depth = depth;
    tile.sums = sums;
    tile.prefetch_step = (kStepBytes + tiles - 1) / tiles;
    const char* next = reinterpret_cast<const char*>(tile.panel + panel_bytes);
    for (std::int64_t t = 0; t < tiles; ++t) {
      const std::int64_t row = call.first_row + share_begin(call.rows, tiles, t);
      const std::int64_t rows = call.first_row + share_begin(call.rows, tiles, t + 1) - row;
      tile.x = x + row * depth;
      tile.row_sums = call.x.sums + row;
      tile.prefetch = next + t * tile.prefetch_step * (depth / D::kGroup);
      if (tiles == 1) {
        tile.prefetch = reinterpret_cast<const char*>(tile.panel) + kI8PrefetchAheadBytes;
        tile.prefetch_step = kStepBytes;
        i8_multiply_rows<D, D::kTileRows, kStepLines>(rows, tile);
      } else if (kStepLines > 2 && tiles == 2) {
        i8_multiply_rows<D, D::kTileRows, 2>(rows, tile);
      } else {
        i8_multiply_rows<D, D::kTileRows, 1>(rows, tile);
      }
      with_activation(call.activation, [&]<Activation kActivation>() {
        i8_store_tile<D, kActivation>(sums, call.x.scales + row, weights.scales + column, weights.bias + column, rows,
                                      columns, out + (row - call.first_row) * call.out.stride + column,
                                      call.out.stride);
      });
    }
  }
}

}  // namespace
}  // namespace valence::kernels
