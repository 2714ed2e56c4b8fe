/// \file
/// Transposition and general products for the backward pass. Included only by the files of one ISA each.
#pragma once

#include "valence/kernels/tile.h"
#include "valence/kernels/training_table.h"

namespace valence::kernels {
namespace {

template <class V>
void transpose(const TransposeCall& call) noexcept {
  const auto ones = V::broadcast(1.0F);
  const std::int64_t whole = call.columns / 4 * 4;
  for (std::int64_t first = 0; first < call.rows; first += V::kWidth) {
    const float* rows[V::kWidth];
    for (std::int64_t lane = 0; lane < V::kWidth; ++lane) {
      const std::int64_t row = first + lane < call.rows ? first + lane : call.rows - 1;
      rows[lane] = call.from + row * call.from_stride;
    }
    float* to = call.to + first;
    for (std::int64_t column = 0; column < whole; column += 4) {
      V::transpose4(rows, column, ones, to + column * call.to_stride, call.to_stride);
    }
    for (std::int64_t column = whole; column < call.columns; ++column) {
      for (int lane = 0; lane < V::kWidth; ++lane) to[column * call.to_stride + lane] = rows[lane][column];
    }
  }
}

/// All rows for kVectors vectors of columns.
template <class V, TileOperands kOperands, int kVectors>
void product_columns(const MultiplyCall& call, std::int64_t column) {
  TileCall tile;
  tile.a_stride = call.a_stride;
  tile.b = call.b + column;
  tile.b_stride = call.b_stride;
  tile.depth = call.depth;
  tile.c_stride = call.c_stride;
  tile.accumulate = call.accumulate;
  const std::int64_t tiles = (call.rows + V::kTileRows - 1) / V::kTileRows;
  for (std::int64_t t = 0; t < tiles; ++t) {
    const std::int64_t begin = share_begin(call.rows, tiles, t);
    const std::int64_t rows = share_begin(call.rows, tiles, t + 1) - begin;
    tile.a = call.a + (kOperands == TileOperands::kColumnsByRows ? begin : begin * call.a_stride);
    tile.c = call.c + begin * call.c_stride + column;
    multiply_rows<V, kOperands, V::kTileRows, kVectors, 0>(rows, tile);
  }
}

template <class V, TileOperands kOperands>
void product_of(const MultiplyCall& call) {
  std::int64_t column = 0;
  for (; column + V::kPanelVectors * V::kWidth <= call.columns; column += V::kPanelVectors * V::kWidth) {
    product_columns<V, kOperands, V::kPanelVectors>(call, column);
  }
  if constexpr (V::kPanelVectors > 2) {
    if (column + 2 * V::kWidth <= call.columns) {
      product_columns<V, kOperands, 2>(call, column);
      column += 2 * V::kWidth;
    }
  }
  for (; column < call.columns; column += V::kWidth) product_columns<V, kOperands, 1>(call, column);
}

template <class V>
void multiply(const MultiplyCall& call) noexcept {
  if (call.left == MultiplyCall::Left::kRows) {
    product_of<V, TileOperands::kRowsByRows>(call);
  } else {
    product_of<V, TileOperands::kColumnsByRows>(call);
  }
}

}  // namespace
}  // namespace valence::kernels
