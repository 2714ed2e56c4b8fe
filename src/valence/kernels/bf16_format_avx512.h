/// \file
/// bf16 with AVX512-BF16: products of pairs, summed in f32.
#pragma once

#include <immintrin.h>

#include "valence/kernels/dot_avx512_vnni.h"
#include "valence/kernels/product_kernel.h"

namespace valence::kernels {
namespace {

struct Bf16FormatAvx512 {
  using Dot = DotAvx512Vnni;
  using Float = SimdAvx512;
  using Element = std::uint16_t;
  using Sum = float;
  using Sums = __m512;
  using Weights = __m512i;

  static constexpr const char* kPath = "AVX-512 bf16";
  static constexpr bool kQuantized = false;
  static constexpr bool kRowScales = false;
  static constexpr int kPanelVectors = 3;
  static constexpr int kTileRows = 8;
  static constexpr int kGroup = 2;
  static constexpr int kWeightBytes = 64;
  static constexpr std::int64_t kPanelTailBytes = 0;

  static Sums start(const std::int32_t*, int) { return _mm512_setzero_ps(); }
  static Weights load_weights(const std::byte* p) { return _mm512_loadu_si512(p); }
  static __m512i load_group(const Element* p) { return Dot::broadcast_pair(p); }
  // Unlike the integer products, GCC 12 keeps the accumulators of this builtin in registers.
  static Sums dot(Sums sums, Weights weights, __m512i group) {
    return _mm512_dpbf16_ps(sums, reinterpret_cast<__m512bh>(group), reinterpret_cast<__m512bh>(weights));
  }
  static void store_sums(float* p, Sums v) { _mm512_storeu_ps(p, v); }

  static void pack_panel(const float* rows, std::int64_t columns, std::int64_t in_features, std::byte* panel) noexcept {
    constexpr std::int64_t kColumns = kColumnsOf<Bf16FormatAvx512>;
    const std::int64_t depth = padded_width(in_features);
    auto* values = reinterpret_cast<Element*>(panel);
    for (std::int64_t c = 0; c < kColumns; ++c) {
      for (std::int64_t k = 0; k < depth; k += Float::kWidth) {
        const std::int64_t left = in_features - k;
        auto w = Float::zero();
        if (c < columns && left >= Float::kWidth) w = Float::load(rows + c * in_features + k);
        if (c < columns && left > 0 && left < Float::kWidth) w = Float::load_partial(rows + c * in_features + k, left);
        alignas(32) Element rounded[Float::kWidth];
        store_rounded(rounded, w);
        for (std::int64_t i = 0; i < Float::kWidth; ++i) values[((k + i) / 2 * kColumns + c) * 2 + i % 2] = rounded[i];
      }
    }
  }

  static const float* column_scales(const PackedWeightsView& weights, const std::byte*, std::int64_t column) {
    return weights.scales + column;
  }
  static Float::Vec value(const float* sums, float, const float*, const float* bias) {
    return Float::add(Float::load(sums), Float::load(bias));
  }
  template <Activation kActivation>
  static Float::Vec activate(Float::Vec x) {
    return activation<Float, kActivation>(x);
  }

  static void write_row(const float* row, std::int64_t width, const Operand& out, std::int64_t index) {
    const std::int64_t end = padded_width(width);
    Element* to = reinterpret_cast<Element*>(out.values) + index * end;
    std::int64_t i = 0;
    for (; i + Float::kWidth <= width; i += Float::kWidth) store_rounded(to + i, Float::load(row + i));
    if (i < width) {
      store_rounded(to + i, Float::load_partial(row + i, width - i));
      i += Float::kWidth;
    }
    for (; i < end; i += Float::kWidth) store_rounded(to + i, Float::zero());
  }

 private:
  /// To the nearest, ties to even; subnormal numbers become zero, as the product would take them.
  static void store_rounded(Element* to, Float::Vec v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(v)));
  }
};

}  // namespace
}  // namespace valence::kernels
