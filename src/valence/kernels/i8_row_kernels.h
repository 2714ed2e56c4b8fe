/// \file
/// Rows on their way to the next int8 product: quantised, or normalised and quantised.
#pragma once

#include "valence/kernels/encoder_kernels.h"
#include "valence/kernels/i8_product_kernel.h"
#include "valence/kernels/row_kernels.h"

namespace valence::kernels {
namespace {

// Below, 127 / magnitude is no number any more; such a row counts as zero.
inline constexpr float kLeastMagnitude = 1e-35F;

/// row [width] -> to [padded_width(width)], its scale and, for unsigned weights, its sum. x = q * scale with q in
/// [-127, 127]. A row that holds NaN or an infinity gets the scale NaN or infinity, so that every result of it shows.
template <class D>
void quantize_row(const float* row, std::int64_t width, typename D::Element* to, float& scale, std::int32_t& sum) {
  using V = typename D::Float;
  constexpr std::int64_t kStep = D::kQuantizeStep;
  constexpr int kPartial = 4;
  typename D::Sums greatest[kPartial];
  for (auto& g : greatest) g = D::magnitude_zero();
  std::int64_t i = 0;
  for (; i + kPartial * V::kWidth <= width; i += kPartial * V::kWidth) {
    for (int p = 0; p < kPartial; ++p) greatest[p] = D::magnitude_max(greatest[p], V::load(row + i + p * V::kWidth));
  }
  for (; i + V::kWidth <= width; i += V::kWidth) greatest[0] = D::magnitude_max(greatest[0], V::load(row + i));
  if (i < width) greatest[0] = D::magnitude_max(greatest[0], V::load_partial(row + i, width - i));
  for (int p = 1; p < kPartial; ++p) greatest[0] = D::magnitude_join(greatest[0], greatest[p]);
  const float magnitude = D::magnitude(greatest[0]);
  scale = magnitude * (1.0F / 127.0F);
  const bool ordinary = magnitude > kLeastMagnitude && magnitude <= 3.4e38F;
  const auto inverse = V::broadcast(ordinary ? 127.0F / magnitude : 0.0F);
  const std::int64_t end = padded_width(width);
  const std::int64_t whole = ordinary ? width / kStep * kStep : 0;
  for (std::int64_t k = 0; k < whole; k += kStep) D::quantize(row + k, inverse, to + k);
  for (std::int64_t k = whole; k < end; ++k) to[k] = 0;
  if (ordinary && whole < width) {
    alignas(64) float rest[kStep] = {};
    for (std::int64_t k = whole; k < width; ++k) rest[k - whole] = row[k];
    D::quantize(rest, inverse, to + whole);
  }
  sum = D::sum(to, end);
}

template <class D>
struct OperandRows {
  typename D::Element* values;
  float* scales;
  std::int32_t* sums;
  std::int64_t stride;

  OperandRows(const Operand& operand, std::int64_t width)
      : values(reinterpret_cast<typename D::Element*>(operand.values)),
        scales(operand.scales),
        sums(operand.sums),
        stride(padded_width(width)) {}
  void quantize(const float* row, std::int64_t width, std::int64_t index) const {
    quantize_row<D>(row, width, values + index * stride, scales[index], sums[index]);
  }
};

template <class D>
void i8_quantize(const QuantizeCall& call) noexcept {
  const OperandRows<D> out(call.out, call.width);
  const bool staged = call.f32.data == nullptr;
  const float* rows = staged ? reinterpret_cast<const float*>(call.staging.data) : call.f32.data;
  const std::int64_t stride = staged ? call.staging.stride : call.f32.stride;
  for (std::int64_t r = 0; r < call.rows; ++r) out.quantize(rows + r * stride, call.width, call.first_row + r);
}

template <class D>
void i8_add_norm(const AddNormCall& call) noexcept {
  const OperandRows<D> out(call.out, call.width);
  const auto* addend = reinterpret_cast<const float*>(call.addend.data);
  for (std::int64_t r = 0; r < call.hidden.rows; ++r) {
    float* hidden = call.hidden.data + r * call.hidden.stride;
    const RowsView<float> row{hidden, 1, call.hidden.stride};
    layer_norm<typename D::Float>({.x = row,
                                   .addend = {addend + r * call.addend.stride, 1, call.addend.stride},
                                   .out = row,
                                   .width = call.width,
                                   .norm = call.norm});
    out.quantize(hidden, call.width, call.first_row + r);
  }
}

template <class D>
void i8_to_f32(const Staging& from, RowsView<float> to, std::int64_t width) noexcept {
  using V = typename D::Float;
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
