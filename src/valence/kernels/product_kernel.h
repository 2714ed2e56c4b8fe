/// \file
/// The product of an EncoderKernels table: operand rows by packed weights.
///
/// A panel holds kPanelVectors vectors of columns: [depth / kGroup][column][kGroup], zeros where the depth ends; what a
/// format keeps of its columns besides (kPanelTailBytes) follows.
///
/// A Format is one kind of number on one ISA:
///   Dot           the ISA's integer products, which attention uses
///   Float         its f32 vectors
///   kRowScales    whether operands have them
///   kPath, kQuantized, kPanelVectors, kTileRows; see EncoderKernels and simd_portable.h
///   Element       of operand rows; kGroup of them make the 32 bits of a Group
///   Sum, Sums     what products add up in, and a vector of those: start, store_sums
///   Weights       kWeightBytes in memory: load_weights
///   dot(sums, weights, group)  sums + weights . group, lane by lane
///   pack_panel    as EncoderKernels::pack_panel
///   column_scales(weights, panel, column)  what value() needs of a panel's columns
///   value(sums, row_scale, column_scales, bias)  f32 results of a vector of sums
///   activate<kActivation>(x)  no more exact than the next operand can tell
///   write_row(row, width, operand, index)  an f32 row as row `index` of an operand
#pragma once

#include "valence/kernels/encoder_kernels.h"
#include "valence/kernels/tile.h"
#include "valence/kernels/vector_math.h"

namespace valence::kernels {
namespace {

/// Widths of operands in memory: whole steps of writing them and of the depth, so that neither needs a tail.
inline constexpr std::int64_t kOperandWidthStep = 64;
inline constexpr std::int64_t padded_width(std::int64_t width) {
  return (width + kOperandWidthStep - 1) / kOperandWidthStep * kOperandWidthStep;
}

template <class F>
inline constexpr std::int64_t kColumnsOf = F::kPanelVectors* F::Float::kWidth;

template <class F>
std::int64_t panel_values_bytes(std::int64_t in_features) {
  return padded_width(in_features) / F::kGroup * F::kPanelVectors * F::kWeightBytes;
}

template <class F>
std::int64_t panel_bytes(std::int64_t in_features) noexcept {
  return panel_values_bytes<F>(in_features) + F::kPanelTailBytes;
}

template <class F>
std::int64_t operand_bytes(std::int64_t rows, std::int64_t width) noexcept {
  return rows * padded_width(width) * static_cast<std::int64_t>(sizeof(typename F::Element));
}

/// One tile's sums on their way to the epilogue.
template <class F>
struct ProductTile {
  const typename F::Element* x;  ///< its first row
  std::int64_t x_stride;         ///< in elements
  const std::int32_t* row_sums;  ///< of its rows, for formats that have them
  const std::byte* panel;
  std::int64_t depth;     ///< a multiple of kGroup
  typename F::Sum* sums;  ///< [rows][kColumnsOf<F>]
  const char* prefetch;
  std::int64_t prefetch_step;
};

template <class F, int kRows, int kPrefetchLines>
[[gnu::noinline]] void multiply_product_tile(const ProductTile<F>& tile) {
  constexpr int kVectors = F::kPanelVectors;
  typename F::Sums sums[kRows][kVectors];
  VALENCE_UNROLL
  for (int i = 0; i < kRows; ++i) {
    const auto start = F::start(tile.row_sums, i);
    VALENCE_UNROLL
    for (int j = 0; j < kVectors; ++j) sums[i][j] = start;
  }
  const typename F::Element* x = tile.x;
  const typename F::Element* end = x + tile.depth;
  const std::int64_t stride = tile.x_stride;
  const std::byte* panel = tile.panel;
  const char* prefetch = tile.prefetch;
  const std::int64_t prefetch_step = tile.prefetch_step;
  for (; x != end; x += F::kGroup) {
    typename F::Weights weights[kVectors];
    VALENCE_UNROLL
    for (int j = 0; j < kVectors; ++j) weights[j] = F::load_weights(panel + j * F::kWeightBytes);
    panel += kVectors * F::kWeightBytes;
    VALENCE_UNROLL
    for (int line = 0; line < kPrefetchLines; ++line) __builtin_prefetch(prefetch + line * 64, 0, 2);
    if constexpr (kPrefetchLines > 0) prefetch += prefetch_step;
    VALENCE_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const auto group = F::load_group(x + i * stride);
      VALENCE_UNROLL
      for (int j = 0; j < kVectors; ++j) sums[i][j] = F::dot(sums[i][j], weights[j], group);
    }
  }
  VALENCE_UNROLL
  for (int i = 0; i < kRows; ++i) {
    VALENCE_UNROLL
    for (int j = 0; j < kVectors; ++j) {
      F::store_sums(tile.sums + (i * kVectors + j) * F::Float::kWidth, sums[i][j]);
    }
  }
}

template <class F, int kMaxRows, int kPrefetchLines>
void multiply_product_rows(std::int64_t rows, const ProductTile<F>& tile) {
  if constexpr (kMaxRows > 1) {
    if (rows < kMaxRows) return multiply_product_rows<F, kMaxRows - 1, kPrefetchLines>(rows, tile);
  }
  multiply_product_tile<F, kMaxRows, kPrefetchLines>(tile);
}

template <class F, Activation kActivation>
[[gnu::noinline]] void store_product_tile(const typename F::Sum* sums, const float* row_scales,
                                          const float* column_scales, const float* bias, std::int64_t rows,
                                          std::int64_t columns, float* out, std::int64_t stride) {
  using V = typename F::Float;
  constexpr std::int64_t kColumns = kColumnsOf<F>;
  const std::int64_t whole = columns / V::kWidth * V::kWidth;
  const auto value = [&](std::int64_t r, std::int64_t c) {
    const float row_scale = F::kRowScales ? row_scales[r] : 1.0F;
    return F::template activate<kActivation>(F::value(sums + r * kColumns + c, row_scale, column_scales + c, bias + c));
  };
  for (std::int64_t r = 0; r < rows; ++r) {
    for (std::int64_t c = 0; c < whole; c += V::kWidth) V::store(out + r * stride + c, value(r, c));
    if (whole < columns) V::store_partial(out + r * stride + whole, value(r, whole), columns - whole);
  }
}

// Panel bytes to run ahead when there is but one tile a panel, and the product waits for memory.
inline constexpr std::int64_t kProductPrefetchAheadBytes = 16384;

template <class F>
void product(const ProductCall& call) noexcept {
  constexpr std::int64_t kColumns = kColumnsOf<F>;
  constexpr std::int64_t kStepBytes = F::kPanelVectors * F::kWeightBytes;
  constexpr int kStepLines = static_cast<int>((kStepBytes + 63) / 64);
  const auto& weights = call.weights;
  const std::int64_t depth = padded_width(weights.in_features);
  const std::int64_t bytes = panel_bytes<F>(weights.in_features);
  const std::int64_t tiles = (call.rows + F::kTileRows - 1) / F::kTileRows;
  alignas(64) typename F::Sum sums[F::kTileRows * kColumns];
  const auto* x = reinterpret_cast<const typename F::Element*>(call.x.values);
  auto* out = reinterpret_cast<float*>(call.out.data);
  for (std::int64_t panel = call.first_panel; panel < call.first_panel + call.panels; ++panel) {
    const std::int64_t column = panel * kColumns;
    const std::int64_t left = weights.out_features - column;
    const std::int64_t columns = left < kColumns ? left : kColumns;
    ProductTile<F> tile;
    tile.x_stride = depth;
    tile.panel = weights.panels + panel * bytes;
    tile.depth = depth;
    tile.sums = sums;
    tile.prefetch_step = (kStepBytes + tiles - 1) / tiles;
    const char* next = reinterpret_cast<const char*>(tile.panel + bytes);
    for (std::int64_t t = 0; t < tiles; ++t) {
      const std::int64_t row = call.first_row + share_begin(call.rows, tiles, t);
      const std::int64_t rows = call.first_row + share_begin(call.rows, tiles, t + 1) - row;
      tile.x = x + row * depth;
      tile.row_sums = call.x.sums + row;
      tile.prefetch = next + t * tile.prefetch_step * (depth / F::kGroup);
      if (tiles == 1) {
        tile.prefetch = reinterpret_cast<const char*>(tile.panel) + kProductPrefetchAheadBytes;
        tile.prefetch_step = kStepBytes;
        multiply_product_rows<F, F::kTileRows, kStepLines>(rows, tile);
      } else if (kStepLines > 2 && tiles == 2) {
        multiply_product_rows<F, F::kTileRows, 2>(rows, tile);
      } else {
        multiply_product_rows<F, F::kTileRows, 1>(rows, tile);
      }
      with_activation(call.activation, [&]<Activation kActivation>() {
        store_product_tile<F, kActivation>(sums, call.x.scales + row, F::column_scales(weights, tile.panel, column),
                                           weights.bias + column, rows, columns,
                                           out + (row - call.first_row) * call.out.stride + column, call.out.stride);
      });
    }
  }
}

}  // namespace
}  // namespace valence::kernels
