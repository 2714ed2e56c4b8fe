/// \file
/// Buffers of a training step as rows.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "valence/base/large_pages.h"
#include "valence/kernels/kernel_table.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence::train {

using kernels::RowsView;

/// Room for `size` elements in `buffer`, whose contents are lost when it grows. Batches differ in their tokens: what
/// has to grow grows by a quarter at least, for every growth is paid with fresh pages.
template <class T>
void grow(AlignedBuffer<T>& buffer, std::size_t size) {
  if (size <= buffer.size()) return;
  buffer.ensure(std::max(size, buffer.size() + buffer.size() / 4));
  ask_for_large_pages(buffer.data(), buffer.size() * sizeof(T));
}

/// Room for [rows, width].
[[nodiscard]] inline RowsView<float> view(AlignedBuffer<float>& buffer, std::int64_t rows, std::int64_t width) {
  grow(buffer, static_cast<std::size_t>(rows * width));
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
