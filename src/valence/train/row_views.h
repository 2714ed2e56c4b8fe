/// \file
/// Buffers of a training step as rows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "valence/kernels/kernel_table.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence::train {

using kernels::RowsView;

/// Room for [rows, width] in `buffer`, whose contents are lost when it grows.
[[nodiscard]] inline RowsView<float> view(AlignedBuffer<float>& buffer, std::int64_t rows, std::int64_t width) {
  buffer.ensure(static_cast<std::size_t>(rows * width));
  return {buffer.data(), rows, width};
}

/// What was written there.
[[nodiscard]] inline RowsView<const float> read(const AlignedBuffer<float>& buffer, std::int64_t rows,
                                                std::int64_t width) {
  return {buffer.data(), rows, width};
}

/// Rows [first, first + rows).
template <class T>
[[nodiscard]] RowsView<T> part(RowsView<T> of, std::int64_t first, std::int64_t rows) {
  return {of.data + first * of.stride, rows, of.stride};
}

}  // namespace valence::train
