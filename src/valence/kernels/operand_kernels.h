/// \file
/// Rows on their way to the next product of an EncoderKernels table: as an operand, or normalised and as an operand.
#pragma once

#include "valence/kernels/encoder_kernels.h"
#include "valence/kernels/row_kernels.h"

namespace valence::kernels {
namespace {

template <class F>
void quantize(const QuantizeCall& call) noexcept {
  const bool staged = call.f32.data == nullptr;
  const float* rows = staged ? reinterpret_cast<const float*>(call.staging.data) : call.f32.data;
  const std::int64_t stride = staged ? call.staging.stride : call.f32.stride;
  for (std::int64_t r = 0; r < call.rows; ++r)
    F::write_row(rows + r * stride, call.width, call.out, call.first_row + r);
}

template <class F>
void add_norm(const AddNormCall& call) noexcept {
  using V = typename F::Float;
  const auto* addend = reinterpret_cast<const float*>(call.addend.data);
  for (std::int64_t r = 0; r < call.hidden.rows; ++r) {
    const RowsView<float> row{call.hidden.data + r * call.hidden.stride, 1, call.hidden.stride};
    const RowsView<const float> more{addend + r * call.addend.stride, 1, call.addend.stride};
    if (call.normed == nullptr) {
      layer_norm<V>({.x = row, .addend = more, .out = row, .width = call.width, .norm = call.norm});
      F::write_row(row.data, call.width, call.out, call.first_row + r);
      continue;
    }
    add_rows<V>({.x = row, .y = more, .width = call.width});
    const RowsView<float> normed{call.normed, 1, call.width};
    layer_norm<V>({.x = row, .addend = {}, .out = normed, .width = call.width, .norm = call.norm});
    F::write_row(normed.data, call.width, call.out, call.first_row + r);
  }
}

template <class F>
void to_f32(const Staging& from, RowsView<float> to, std::int64_t width) noexcept {
  using V = typename F::Float;
  const auto* rows = reinterpret_cast<const float*>(from.data);
  for (std::int64_t r = 0; r < to.rows; ++r) {
    std::int64_t i = 0;
    for (; i + V::kWidth <= width; i += V::kWidth)
      V::store(to.data + r * to.stride + i, V::load(rows + r * from.stride + i));
    for (; i < width; ++i) to.data[r * to.stride + i] = rows[r * from.stride + i];
  }
}

}  // namespace
}  // namespace valence::kernels
