/// \file
/// The heads of queries and keys between their projection and attention on tiles: normalised, turned by their
/// positions, in place.
#pragma once

#include "valence/kernels/amx_row_kernels.h"

namespace valence::kernels {
namespace {

/// Fewer than 16 16-bit elements of a row as f32, and back. n <= 16.
template <class E>
__m512 load_elements(const std::uint16_t* p, std::int64_t n) {
  return E::widen(n == 16 ? _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p))
                          : _mm256_maskz_loadu_epi16(first16(n), p));
}
template <class E>
void store_elements(std::uint16_t* p, __m512 v, std::int64_t n) {
  const __m256i elements = _mm512_castsi512_si256(E::narrow({v, _mm512_setzero_ps()}));
  n == 16 ? _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), elements)
          : _mm256_mask_storeu_epi16(p, first16(n), elements);
}

/// f(i, n) for vectors of n <= 16 elements at i.
template <class F>
[[gnu::always_inline]] inline void visit_16(std::int64_t width, const F& f) {
  for (std::int64_t i = 0; i < width; i += 16) f(i, width - i < 16 ? width - i : 16);
}

struct HeadMoments {
  float mean = 0.0F;
  float inverse = 1.0F;
};

template <class E>
HeadMoments head_moments(const std::uint16_t* head, std::int64_t width, const LayerNormWeights& norm) {
  HeadMoments moments;
  const auto count = static_cast<float>(width);
  if (norm.kind == NormKind::kLayerNorm) {
    __m512 sum = _mm512_setzero_ps();
    visit_16(width, [&](std::int64_t i, std::int64_t n) { sum = _mm512_add_ps(sum, load_elements<E>(head + i, n)); });
    moments.mean = _mm512_reduce_add_ps(sum) / count;
  }
  __m512 squares = _mm512_setzero_ps();
  visit_16(width, [&](std::int64_t i, std::int64_t n) {
    const __m512 x = _mm512_maskz_sub_ps(first16(n), load_elements<E>(head + i, n), _mm512_set1_ps(moments.mean));
    squares = _mm512_fmadd_ps(x, x, squares);
  });
  moments.inverse = 1.0F / __builtin_sqrtf(_mm512_reduce_add_ps(squares) / count + norm.epsilon);
  return moments;
}

/// Elements of a head on their way: as they are, or normalised.
template <class E, bool kNorm>
struct HeadElements {
  const std::uint16_t* head;
  const LayerNormWeights* norm = nullptr;
  HeadMoments moments = {};

  HeadElements(const std::uint16_t* elements, std::int64_t width, const LayerNormWeights* head_norm)
      : head(elements), norm(head_norm) {
    if constexpr (kNorm) moments = head_moments<E>(head, width, *norm);
  }
  [[nodiscard, gnu::always_inline]] __m512 load(std::int64_t i, std::int64_t n) const {
    __m512 x = load_elements<E>(head + i, n);
    if constexpr (kNorm) {
      x = _mm512_mul_ps(_mm512_sub_ps(x, _mm512_set1_ps(moments.mean)), _mm512_set1_ps(moments.inverse));
      if (norm->weight != nullptr) x = _mm512_mul_ps(x, load_some(norm->weight + i, n));
      if (norm->bias != nullptr) x = _mm512_add_ps(x, load_some(norm->bias + i, n));
    }
    return x;
  }
};

template <class E, bool kNorm>
void turn_head(const TurnHeadsCall& call, std::uint16_t* head, const float* cos, const float* sin) {
  const HeadElements<E, kNorm> elements(head, call.head_dim, call.norm);
  if (cos == nullptr) {
    visit_16(call.head_dim,
             [&](std::int64_t i, std::int64_t n) { store_elements<E>(head + i, elements.load(i, n), n); });
    return;
  }
  const std::int64_t half = call.head_dim / 2;
  visit_16(half, [&](std::int64_t i, std::int64_t n) {
    const __m512 c = load_some(cos + i, n);
    const __m512 s = load_some(sin + i, n);
    const __m512 x = elements.load(i, n);
    const __m512 y = elements.load(half + i, n);
    store_elements<E>(head + i, _mm512_fnmadd_ps(y, s, _mm512_mul_ps(x, c)), n);
    store_elements<E>(head + half + i, _mm512_fmadd_ps(x, s, _mm512_mul_ps(y, c)), n);
  });
}

template <class E>
void amx_turn_heads(const TurnHeadsCall& call) noexcept {
  const std::int64_t half = call.head_dim / 2;
  for (std::int64_t r = 0; r < call.rows; ++r) {
    auto* row = reinterpret_cast<std::uint16_t*>(call.x.data) + r * call.x.stride;
    const bool turns = call.cos != nullptr;
    const float* cos = turns ? call.cos + call.positions[r] * half : nullptr;
    const float* sin = turns ? call.sin + call.positions[r] * half : nullptr;
    for (std::int64_t h = 0; h < call.num_heads; ++h) {
      std::uint16_t* head = row + h * call.head_dim;
      call.norm != nullptr ? turn_head<E, true>(call, head, cos, sin) : turn_head<E, false>(call, head, cos, sin);
    }
  }
}

}  // namespace
}  // namespace valence::kernels
