/// \file
/// 16-bit integers with a scale a row and a scale a column, over the Dot type of an ISA: what fp16 runs on.
///
/// A vector has as many 16-bit integer multiply-adds as f16 ones, but those add up in f16, and no instruction adds f16
/// products in f32. Here sums are 32-bit integers, exact, and cannot overflow: rows and columns are scaled so that
/// |row| * |column| < 2^31 in the Euclidean norm, which bounds every sum (Cauchy-Schwarz) and costs only the root of
/// the depth where a bound by the greatest element would cost all of it. Measured on random operands, relative to the
/// root mean square of the results: 2.4e-4 at depth 768, 4.8e-4 at 3072; f16 with sums over runs of 16 in f16 6.7e-4,
/// bf16 2.3e-3.
#pragma once

#include "valence/kernels/integer_rows.h"
#include "valence/kernels/product_kernel.h"

namespace valence::kernels {
namespace {

inline constexpr float kI16Limit = 32767.0F;

/// The greatest norm of `width` integers of either side, less what rounding them may add: kI16Norm^2 < 2^31.
inline float i16_norm_limit(std::int64_t width) {
  constexpr float kI16Norm = 46330.0F;
  return kI16Norm - 0.5F * __builtin_sqrtf(static_cast<float>(width));
}

template <class D>
struct I16Format {
  using Dot = D;
  using Float = typename D::Float;
  using V = Float;
  using Element = std::int16_t;
  using Sum = std::int32_t;
  using Sums = typename D::Sums;
  using Weights = typename D::Pairs;

  static constexpr const char* kPath = D::kI16Path;
  static constexpr bool kQuantized = false;
  static constexpr bool kRowScales = true;
  static constexpr int kPanelVectors = D::kPanelVectors;
  static constexpr int kTileRows = D::kTileRows;
  static constexpr int kGroup = 2;
  static constexpr int kWeightBytes = V::kWidth * 4;
  static constexpr std::int64_t kPanelTailBytes = kPanelVectors * V::kWidth * 4;  // the columns' scales

  static Sums start(const std::int32_t*, int) { return D::start(0); }
  static Weights load_weights(const std::byte* p) { return D::load_pairs(reinterpret_cast<const std::int32_t*>(p)); }
  static typename D::Pairs load_group(const Element* p) { return D::broadcast_pair(p); }
  static Sums dot(Sums sums, Weights weights, typename D::Pairs group) { return D::dot16(sums, group, weights); }
  static void store_sums(std::int32_t* p, Sums v) { D::store_sums(p, v); }

  /// A column that holds NaN or an infinity gets the scale NaN, so that every result of it shows.
  static void pack_panel(const float* rows, std::int64_t columns, std::int64_t in_features, std::byte* panel) noexcept {
    constexpr std::int64_t kColumns = kColumnsOf<I16Format>;
    const std::int64_t depth = padded_width(in_features);
    auto* values = reinterpret_cast<std::int16_t*>(panel);
    auto* scales = reinterpret_cast<float*>(panel + panel_values_bytes<I16Format>(in_features));
    for (std::int64_t c = 0; c < kColumns; ++c) {
      const float* row = rows + c * in_features;
      double factor = 0.0;
      scales[c] = 0.0F;
      if (c < columns) {
        double greatest = 0.0;
        double squares = 0.0;
        for (std::int64_t k = 0; k < in_features; ++k) {
          const double w = row[k];
          const double magnitude = w < 0 ? -w : w;
          greatest = magnitude > greatest ? magnitude : greatest;
          squares += w * w;
        }
        if (squares > 0.0) {
          const double by_norm = static_cast<double>(i16_norm_limit(in_features)) / __builtin_sqrt(squares);
          const double by_greatest = static_cast<double>(kI16Limit) / greatest;
          factor = by_norm < by_greatest ? by_norm : by_greatest;
          scales[c] = static_cast<float>(1.0 / factor);
        }
        // f32 squares do not overflow in double, so this is a NaN or an infinity among the weights.
        if (!(squares <= __DBL_MAX__)) {
          factor = 0.0;
          scales[c] = __builtin_nanf("");
        }
      }
      for (std::int64_t k = 0; k < depth; ++k) {
        const double w = factor > 0.0 && k < in_features ? __builtin_nearbyint(row[k] * factor) : 0.0;
        values[(k / 2 * kColumns + c) * 2 + k % 2] = static_cast<std::int16_t>(w);
      }
    }
  }

  static const float* column_scales(const PackedWeightsView& weights, const std::byte* panel, std::int64_t) {
    return reinterpret_cast<const float*>(panel + panel_values_bytes<I16Format>(weights.in_features));
  }
  static typename V::Vec value(const std::int32_t* sums, float row_scale, const float* column_scales,
                               const float* bias) {
    const auto scale = V::mul(V::load(column_scales), V::broadcast(row_scale));
    return V::fma(D::to_float(D::load_sums(sums)), scale, V::load(bias));
  }
  template <Activation kActivation>
  static typename V::Vec activate(typename V::Vec x) {
    return activation<V, kActivation>(x);
  }

  /// A row that holds NaN or an infinity gets that as its scale.
  static void write_row(const float* row, std::int64_t width, const Operand& out, std::int64_t index) {
    // Below, a factor is no number any more: such a row counts as zero.
    constexpr float kLeastMagnitude = 1e-33F;
    // Within these, squares neither overflow nor vanish. Outside, the norm is taken for as large as it could be.
    constexpr float kLeastSquared = 1e-15F;
    constexpr float kGreatestSquared = 1e15F;
    const std::int64_t end = padded_width(width);
    Element* to = reinterpret_cast<Element*>(out.values) + index * end;
    typename V::Vec squares[kRowChains] = {V::zero(), V::zero(), V::zero(), V::zero()};
    const float magnitude = row_magnitude<D>(
        row, width, [&](int chain, typename V::Vec x) { squares[chain] = V::fma(x, x, squares[chain]); });
    const bool ordinary = magnitude > kLeastMagnitude && magnitude <= kGreatestFloat;
    float norm_over_magnitude = __builtin_sqrtf(static_cast<float>(width));
    if (magnitude > kLeastSquared && magnitude < kGreatestSquared) {
      const float sum = V::sum(V::add(V::add(squares[0], squares[1]), V::add(squares[2], squares[3])));
      norm_over_magnitude = __builtin_sqrtf(sum) / magnitude;
    }
    const float by_norm = i16_norm_limit(width) / norm_over_magnitude;
    const float limit = by_norm < kI16Limit ? by_norm : kI16Limit;
    out.scales[index] = magnitude / limit;
    const auto factor = V::broadcast(ordinary ? limit / magnitude : 0.0F);
    write_rounded<2 * V::kWidth>(row, ordinary ? width : 0, to, end, [&](const float* from, Element* at) {
      D::store_narrow(reinterpret_cast<std::int32_t*>(at), V::mul(V::load(from), factor),
                      V::mul(V::load(from + V::kWidth), factor));
    });
  }
};

}  // namespace
}  // namespace valence::kernels
