/// \file
/// x W^T over weights in column panels, blocked for the caches.
#pragma once

#include "valence/kernels/kernel_table.h"
#include "valence/kernels/tile.h"
#include "valence/kernels/vector_math.h"

namespace valence::kernels {
namespace {

// Rows of x that stay in the level-2 cache while all panels pass by, and steps of a panel used at a time. Sized for
// 1 MiB: 128 x 768 of x (384 KiB), 768 x 48 of the panel and as much of the next (2 x 144 KiB), the sums (24 KiB).
// Smaller blocks, down to a panel part in level 1, measured 1-3 % slower.
inline constexpr std::int64_t kChunkRows = 128;
inline constexpr std::int64_t kDepthBlock = 768;
inline constexpr std::int64_t kPrefetchAheadBytes = 16384;

/// A panel's worth of sums for one chunk of rows, on its way to `out`.
template <class V>
struct PanelSums {
  static constexpr std::int64_t kColumns = V::kPanelVectors * V::kWidth;
  alignas(64) float values[kChunkRows * kColumns];
};

/// sums (+)= x[first_row.., k..] * panel[k..], for `rows` rows in near-equal tiles.
///
/// Weights are mostly not in the cache the first time: what comes next (contiguous in the packing) is asked for evenly
/// over the tiles, or well ahead if there is but one tile (16 rows, weights in level 3: from 70 to 80 % of the peak).
template <class V>
void multiply_panel_block(const float* x, std::int64_t x_stride, std::int64_t rows, const float* panel,
                          std::int64_t depth, bool accumulate, PanelSums<V>& sums) {
  constexpr std::int64_t kColumns = PanelSums<V>::kColumns;
  constexpr std::int64_t kStepBytes = kColumns * static_cast<std::int64_t>(sizeof(float));
  constexpr int kStepLines = static_cast<int>((kStepBytes + 63) / 64);
  const std::int64_t tiles = (rows + V::kTileRows - 1) / V::kTileRows;
  TileCall call;
  call.b = panel;
  call.a_stride = x_stride;
  call.depth = depth;
  call.c_stride = kColumns;
  call.accumulate = accumulate;
  call.prefetch_step = (kStepBytes + tiles - 1) / tiles;
  const char* next = reinterpret_cast<const char*>(panel + depth * kColumns);
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t begin = share_begin(rows, tiles, tile);
    const std::int64_t tile_rows = share_begin(rows, tiles, tile + 1) - begin;
    call.a = x + begin * x_stride;
    call.c = sums.values + begin * kColumns;
    call.prefetch = next + tile * call.prefetch_step * depth;
    if (tiles == 1) {
      call.prefetch = reinterpret_cast<const char*>(panel) + kPrefetchAheadBytes;
      multiply_rows<V, TileOperands::kRowsByPanel, V::kTileRows, V::kPanelVectors, kStepLines>(tile_rows, call);
    } else if (kStepLines > 2 && tiles == 2) {
      multiply_rows<V, TileOperands::kRowsByPanel, V::kTileRows, V::kPanelVectors, 2>(tile_rows, call);
    } else {
      multiply_rows<V, TileOperands::kRowsByPanel, V::kTileRows, V::kPanelVectors, 1>(tile_rows, call);
    }
  }
}

template <class V, Activation kActivation>
typename V::Vec finish(typename V::Vec sum, typename V::Vec bias) {
  return activation<V, kActivation>(V::add(sum, bias));
}

/// out = residual + activation(sums + bias) for `columns` columns from `first_column`, rows [first_row, first_row +
/// rows).
template <class V, Activation kActivation>
[[gnu::noinline]] void store_panel(const LinearCall& call, const PanelSums<V>& sums, std::int64_t first_row,
                                   std::int64_t rows, std::int64_t first_column, std::int64_t columns) {
  const float* bias = call.weights.bias + first_column;
  const float* residual_rows = call.residual.data;
  const std::int64_t whole = columns / V::kWidth * V::kWidth;
  for (std::int64_t r = 0; r < rows; ++r) {
    const float* sum = sums.values + r * PanelSums<V>::kColumns;
    float* out = call.out.data + (first_row + r) * call.out.stride + first_column;
    const float* residual =
        residual_rows == nullptr ? nullptr : residual_rows + (first_row + r) * call.residual.stride + first_column;
    for (std::int64_t c = 0; c < whole; c += V::kWidth) {
      auto y = finish<V, kActivation>(V::load(sum + c), V::load(bias + c));
      if (residual != nullptr) y = V::add(V::load(residual + c), y);
      V::store(out + c, y);
    }
    if (whole < columns) {
      const std::int64_t rest = columns - whole;
      auto y = finish<V, kActivation>(V::load(sum + whole), V::load(bias + whole));
      if (residual != nullptr) y = V::add(V::load_partial(residual + whole, rest), y);
      V::store_partial(out + whole, y, rest);
    }
  }
}

template <class V>
void linear(const LinearCall& call) noexcept {
  constexpr std::int64_t kColumns = PanelSums<V>::kColumns;
  const auto& weights = call.weights;
  const std::int64_t depth = weights.in_features;
  PanelSums<V> sums;
  for (std::int64_t first_row = 0; first_row < call.x.rows; first_row += kChunkRows) {
    const std::int64_t left = call.x.rows - first_row;
    const std::int64_t rows = left < kChunkRows ? left : kChunkRows;
    for (std::int64_t column = 0; column < weights.out_features; column += kColumns) {
      const float* panel = weights.panels + column * depth;
      for (std::int64_t k = 0; k < depth; k += kDepthBlock) {
        const std::int64_t steps = depth - k < kDepthBlock ? depth - k : kDepthBlock;
        multiply_panel_block<V>(call.x.data + first_row * call.x.stride + k, call.x.stride, rows, panel + k * kColumns,
                                steps, k > 0, sums);
      }
      const std::int64_t columns_left = weights.out_features - column;
      const std::int64_t columns = columns_left < kColumns ? columns_left : kColumns;
      with_activation(call.activation, [&]<Activation kActivation>() {
        store_panel<V, kActivation>(call, sums, first_row, rows, column, columns);
      });
    }
  }
}

}  // namespace
}  // namespace valence::kernels
