/// \file
/// 8-bit integers with a scale a row and a scale a column, over the Dot type of an ISA. Sums are exact.
#pragma once

#include "valence/kernels/integer_rows.h"
#include "valence/kernels/product_kernel.h"

namespace valence::kernels {
namespace {

template <class D>
struct I8Format : D {
  using Dot = D;
  using V = typename D::Float;
  using Element = typename D::Element;
  using Sum = std::int32_t;

  static constexpr bool kQuantized = true;
  static constexpr bool kRowScales = true;
  static constexpr std::int64_t kPanelTailBytes = 0;

  // Below, 127 / magnitude is no number any more; such a row counts as zero.
  static constexpr float kLeastMagnitude = 1e-35F;

  static typename D::Sums start(const std::int32_t* row_sums, int row) {
    return D::start(D::kUnsignedWeights ? -128 * row_sums[row] : 0);
  }

  static void pack_panel(const float* rows, std::int64_t columns, std::int64_t in_features, std::byte* panel) noexcept {
    constexpr std::int64_t kColumns = kColumnsOf<I8Format>;
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

  static const float* column_scales(const PackedWeightsView& weights, const std::byte*, std::int64_t column) {
    return weights.scales + column;
  }
  static typename V::Vec value(const std::int32_t* sums, float row_scale, const float* column_scales,
                               const float* bias) {
    const auto scale = V::mul(V::load(column_scales), V::broadcast(row_scale));
    return V::fma(D::to_float(D::load_sums(sums)), scale, V::load(bias));
  }
  template <Activation kActivation>
  static typename V::Vec activate(typename V::Vec x) {
    if constexpr (kActivation == Activation::kGelu) return gelu_to_be_quantized<V>(x);
    return activation<V, kActivation>(x);
  }

  /// row [width] -> its place in `out`, its scale and, for unsigned weights, its sum. x = q * scale with q in
  /// [-127, 127]. A row that holds NaN or an infinity gets that as its scale, so that every result of it shows.
  static void write_row(const float* row, std::int64_t width, const Operand& out, std::int64_t index) {
    const std::int64_t end = padded_width(width);
    Element* to = reinterpret_cast<Element*>(out.values) + index * end;
    const float magnitude = row_magnitude<D>(row, width, [](int, typename V::Vec) {});
    out.scales[index] = magnitude * (1.0F / 127.0F);
    const bool ordinary = magnitude > kLeastMagnitude && magnitude <= kGreatestFloat;
    const auto inverse = V::broadcast(ordinary ? 127.0F / magnitude : 0.0F);
    write_rounded<D::kQuantizeStep>(row, ordinary ? width : 0, to, end,
                                    [&](const float* from, Element* at) { D::quantize(from, inverse, at); });
    out.sums[index] = D::sum(to, end);
  }
};

}  // namespace
}  // namespace valence::kernels
