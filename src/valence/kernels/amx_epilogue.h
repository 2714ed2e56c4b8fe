/// \file
/// From the 32-bit sums of a product to its staged output: scale, bias, activation, 16 bits.
#pragma once

#include "valence/kernels/amx_precision.h"
#include "valence/kernels/vector_math.h"

namespace valence::kernels {
namespace {

/// gelu(x) of fp16, 32 at a time, within 8e-4 * max(1, |x|) of the exact function, for results that are rounded to 8
/// bits next.
///
/// max(x, 0) - z * Phi(-z) with z = |x|, and Phi(-z) = (1 + w) * q(w) for w = 1 - z / 2, held at 0 from z = 4 on. q was
/// fitted as those in vector_math.h; in w its terms are small, so that little is lost to the 11 bits of fp16. Half the
/// instructions of gelu_to_be_quantized, which do not fit beside the tiles' where the depth is 384.
inline __m512h gelu_fp16(__m512h x) {
  constexpr float kQ[] = {2.267115665e-02F, 8.580654636e-02F,  1.337252702e-01F,
                          7.854760505e-02F, -2.963239975e-02F, -4.079927350e-02F};
  const auto constant = [](float v) { return _mm512_set1_ph(static_cast<_Float16>(v)); };
  const __m512h z = _mm512_min_ph(constant(4.0F), _mm512_abs_ph(x));  // NaN stays: the second operand is chosen
  const __m512h w = _mm512_fnmadd_ph(z, constant(0.5F), constant(1.0F));
  __m512h q = constant(kQ[5]);
  for (int i = 4; i >= 0; --i) q = _mm512_fmadd_ph(q, w, constant(kQ[i]));
  const __m512h zw = _mm512_fmadd_ph(z, w, z);
  return _mm512_fnmadd_ph(zw, q, _mm512_max_ph(_mm512_setzero_ph(), x));
}

/// 32 results as elements. int8 rounds once more, so its gelu may be coarse; bf16 has but 8 bits.
template <class P, class E, Activation kActivation>
__m512i activate_and_narrow(Floats32 x) {
  using V = SimdAvx512;
  if constexpr (kActivation == Activation::kGelu && P::kQuantized && std::is_same_v<E, Fp16>) {
    return reinterpret_cast<__m512i>(gelu_fp16(reinterpret_cast<__m512h>(E::narrow(x))));
  } else if constexpr (kActivation == Activation::kGelu && std::is_same_v<E, Bf16>) {
    return E::narrow({gelu_to_be_quantized<V>(x.low), gelu_to_be_quantized<V>(x.high)});
  } else {
    return E::narrow({activation<V, kActivation>(x.low), activation<V, kActivation>(x.high)});
  }
}

/// Finishes blocks of kPanelColumns columns, a row at a time. Copied into the product's frame, so that the compiler
/// keeps it in registers across the asm statements.
template <class P, class E, Activation kActivation>
class AmxEpilogue {
 public:
  explicit AmxEpilogue(const ProductCall& call)
      : out_(call.out),
        first_row_(call.first_row),
        row_scales_(call.x.scales),
        scales_(call.weights.scales),
        bias_(call.weights.bias),
        out_features_(call.weights.out_features) {}

  /// The columns of `panel` are next.
  void begin_panel(std::int64_t panel) {
    const std::int64_t column = panel * kPanelColumns;
    const std::int64_t left = out_features_ - column;
    const auto mask = left >= kPanelColumns ? ~__mmask32{0} : static_cast<__mmask32>((1U << left) - 1U);
    const auto low = static_cast<__mmask16>(mask);
    const auto high = static_cast<__mmask16>(mask >> 16U);
    if constexpr (P::kQuantized) {
      scale_ = {_mm512_maskz_loadu_ps(low, scales_ + column), _mm512_maskz_loadu_ps(high, scales_ + column + 16)};
    }
    offset_ = {_mm512_maskz_loadu_ps(low, bias_ + column), _mm512_maskz_loadu_ps(high, bias_ + column + 16)};
    panel_out_ = panel * out_.column;
  }

  /// sums [32] of row `row` of the operand. Whole lines are written: what lies past the last column of a row is the
  /// row's own room.
  void finish_row(const std::int32_t* sums, std::int64_t row) {
    Floats32 x;
    if constexpr (P::kQuantized) {
      const __m512 scale = _mm512_set1_ps(row_scales_[row]);
      x.low =
          _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_load_si512(sums)), _mm512_mul_ps(scale, scale_.low), offset_.low);
      x.high = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_load_si512(sums + 16)), _mm512_mul_ps(scale, scale_.high),
                               offset_.high);
    } else {
      x.low = _mm512_add_ps(_mm512_load_ps(sums), offset_.low);
      x.high = _mm512_add_ps(_mm512_load_ps(sums + 16), offset_.high);
    }
    _mm512_store_si512(out_.at(row - first_row_) + panel_out_, activate_and_narrow<P, E, kActivation>(x));
  }

 private:
  StagedLines out_;
  std::int64_t first_row_;
  const float* row_scales_;
  const float* scales_;
  const float* bias_;
  std::int64_t out_features_;
  std::int64_t panel_out_ = 0;
  Floats32 scale_ = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  Floats32 offset_ = {_mm512_setzero_ps(), _mm512_setzero_ps()};
};

}  // namespace
}  // namespace valence::kernels
