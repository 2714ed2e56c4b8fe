/// \file
/// Sixteen floats at a time: AVX-512 F, VL, BW, DQ. The contract is in simd_portable.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace valence::kernels {
namespace {

struct SimdAvx512 {
  using Vec = __m512;

  static constexpr int kWidth = 16;
  // 8 x 48 keeps 24 accumulators of 32 registers and loads 11 values for 24 multiply-adds; 48 divides the widths of
  // common encoders (384, 768, 1152, 3072), and 8 rows alone still hide the latency of a multiply-add.
  static constexpr int kPanelVectors = 3;
  static constexpr int kTileRows = 8;
  static constexpr int kValueVectors = 4;
  static constexpr int kValueRows = 6;

  static Vec zero() { return _mm512_setzero_ps(); }
  static Vec broadcast(float v) { return _mm512_set1_ps(v); }
  static Vec load(const float* p) { return _mm512_loadu_ps(p); }
  static void store(float* p, Vec v) { _mm512_storeu_ps(p, v); }
  static __mmask16 first(std::int64_t n) { return static_cast<__mmask16>((1U << n) - 1U); }
  static Vec load_partial(const float* p, std::int64_t n) { return _mm512_maskz_loadu_ps(first(n), p); }
  static void store_partial(float* p, Vec v, std::int64_t n) { _mm512_mask_storeu_ps(p, first(n), v); }
  static Vec load_i8(const std::int8_t* p) {
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))));
  }

  static Vec add(Vec a, Vec b) { return _mm512_add_ps(a, b); }
  static Vec sub(Vec a, Vec b) { return _mm512_sub_ps(a, b); }
  static Vec mul(Vec a, Vec b) { return _mm512_mul_ps(a, b); }
  static Vec div(Vec a, Vec b) { return _mm512_div_ps(a, b); }
  static Vec max(Vec a, Vec b) { return _mm512_max_ps(a, b); }
  static Vec min(Vec a, Vec b) { return _mm512_min_ps(a, b); }
  static Vec fma(Vec a, Vec b, Vec c) { return _mm512_fmadd_ps(a, b, c); }
  static Vec fnma(Vec a, Vec b, Vec c) { return _mm512_fnmadd_ps(a, b, c); }
  static Vec abs(Vec a) { return _mm512_abs_ps(a); }
  static Vec select_less(Vec a, Vec b, Vec x, Vec y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
  }
  template <int kBit>
  static Vec select_lanes(Vec a, Vec b) {
    constexpr int kLanes = kBit == 1 ? 0xaaaa : kBit == 2 ? 0xcccc : kBit == 4 ? 0xf0f0 : 0xff00;
    return _mm512_mask_blend_ps(kLanes, a, b);
  }
  static Vec shift_into_exponent(Vec v) { return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_castps_si512(v), 23)); }
  static float sum(Vec v) { return _mm512_reduce_add_ps(v); }

  static void transpose4(const float* const* rows, std::int64_t column, Vec scale, float* out,
                         std::int64_t out_stride) {
    // Rows i, i + 4, i + 8, i + 12 in the four quarters (broadcasts under a mask leave the shuffle port free): a 4x4
    // transposition in each quarter does the rest.
    const auto quad = [&](int i) {
      Vec v = _mm512_castps128_ps512(_mm_loadu_ps(rows[i] + column));
      v = _mm512_mask_broadcast_f32x4(v, 0x00f0, _mm_loadu_ps(rows[i + 4] + column));
      v = _mm512_mask_broadcast_f32x4(v, 0x0f00, _mm_loadu_ps(rows[i + 8] + column));
      return _mm512_mask_broadcast_f32x4(v, 0xf000, _mm_loadu_ps(rows[i + 12] + column));
    };
    const Vec r0 = quad(0);
    const Vec r1 = quad(1);
    const Vec r2 = quad(2);
    const Vec r3 = quad(3);
    const __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(r0, r1));
    const __m512d b = _mm512_castps_pd(_mm512_unpackhi_ps(r0, r1));
    const __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(r2, r3));
    const __m512d d = _mm512_castps_pd(_mm512_unpackhi_ps(r2, r3));
    store(out, mul(scale, _mm512_castpd_ps(_mm512_unpacklo_pd(a, c))));
    store(out + out_stride, mul(scale, _mm512_castpd_ps(_mm512_unpackhi_pd(a, c))));
    store(out + 2 * out_stride, mul(scale, _mm512_castpd_ps(_mm512_unpacklo_pd(b, d))));
    store(out + 3 * out_stride, mul(scale, _mm512_castpd_ps(_mm512_unpackhi_pd(b, d))));
  }
};

}  // namespace
}  // namespace valence::kernels
