/// \file
/// The bf16 product of training on tiles: the loops of inference, and f32 rows that may be added to.
#pragma once

#include "valence/kernels/amx_product_kernel.h"
#include "valence/kernels/bf16_products.h"

namespace valence::kernels {
namespace {

/// Sums and bias to f32 rows; see AmxEpilogue. `call.out` is in f32.
template <bool kAccumulate>
class AmxF32Epilogue {
 public:
  explicit AmxF32Epilogue(const ProductCall& call)
      : out_(reinterpret_cast<float*>(call.out.data)),
        stride_(call.out.stride),
        first_row_(call.first_row),
        bias_(call.weights.bias),
        out_features_(call.weights.out_features) {}

  void begin_panel(std::int64_t panel) {
    column_ = panel * kPanelColumns;
    const std::int64_t left = out_features_ - column_;
    const auto mask = left >= kPanelColumns ? ~__mmask32{0} : static_cast<__mmask32>((1U << left) - 1U);
    low_ = static_cast<__mmask16>(mask);
    high_ = static_cast<__mmask16>(mask >> 16U);
    if (bias_ == nullptr) return;
    offset_ = {_mm512_maskz_loadu_ps(low_, bias_ + column_), _mm512_maskz_loadu_ps(high_, bias_ + column_ + 16)};
  }

  void finish_row(const std::int32_t* sums, std::int64_t row) {
    float* const to = out_ + (row - first_row_) * stride_ + column_;
    __m512 low = _mm512_add_ps(_mm512_load_ps(sums), offset_.low);
    __m512 high = _mm512_add_ps(_mm512_load_ps(sums + 16), offset_.high);
    // The row a block further down: rows lie pages apart, where no processor asks for them by itself.
    __builtin_prefetch(to + kBlockRows * stride_, 1);
    __builtin_prefetch(to + kBlockRows * stride_ + 16, 1);
    if constexpr (kAccumulate) {
      low = _mm512_add_ps(_mm512_maskz_loadu_ps(low_, to), low);
      high = _mm512_add_ps(_mm512_maskz_loadu_ps(high_, to + 16), high);
    }
    _mm512_mask_storeu_ps(to, low_, low);
    _mm512_mask_storeu_ps(to + 16, high_, high);
  }

 private:
  float* out_;
  std::int64_t stride_;
  std::int64_t first_row_;
  const float* bias_;
  std::int64_t out_features_;
  std::int64_t column_ = 0;
  __mmask16 low_ = 0;
  __mmask16 high_ = 0;
  Floats32 offset_ = {_mm512_setzero_ps(), _mm512_setzero_ps()};
};

inline void amx_bf16_product(const Bf16ProductCall& call) noexcept {
  configure_tiles();  // whatever ran on this thread before
  ProductCall product;
  product.weights = {call.right, nullptr, call.bias, call.steps * kBf16StepDepth, call.columns};
  product.x.values = const_cast<std::byte*>(call.left);  // an Operand is written elsewhere; here it is read
  product.rows = call.out.rows;
  product.panels = (call.columns + kPanelColumns - 1) / kPanelColumns;
  product.out = {reinterpret_cast<std::byte*>(call.out.data), call.out.stride, StagingLayout::kRows, 0};
  product.ahead = call.ahead;
  if (call.accumulate) {
    amx_multiply<AmxBf16, AmxF32Epilogue<true>>(product);
  } else {
    amx_multiply<AmxBf16, AmxF32Epilogue<false>>(product);
  }
}

}  // namespace
}  // namespace valence::kernels
