/// \file
/// Eight floats at a time: AVX2 and FMA. The contract is in simd_portable.h.
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace valence::kernels {
namespace {

struct SimdAvx2 {
  using Vec = __m256;

  static constexpr int kWidth = 8;
  static constexpr int kPanelVectors = 2;
  static constexpr int kTileRows = 6;  // 12 accumulators of 16 registers
  static constexpr int kValueVectors = 2;
  static constexpr int kValueRows = 6;

  static Vec zero() { return _mm256_setzero_ps(); }
  static Vec broadcast(float v) { return _mm256_set1_ps(v); }
  static Vec load(const float* p) { return _mm256_loadu_ps(p); }
  static void store(float* p, Vec v) { _mm256_storeu_ps(p, v); }
  static __m256i first(std::int64_t n) {
    const __m256i lanes = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(n)), lanes);
  }
  static Vec load_partial(const float* p, std::int64_t n) { return _mm256_maskload_ps(p, first(n)); }
  static void store_partial(float* p, Vec v, std::int64_t n) { _mm256_maskstore_ps(p, first(n), v); }
  static Vec load_i8(const std::int8_t* p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
  }

  static Vec add(Vec a, Vec b) { return _mm256_add_ps(a, b); }
  static Vec sub(Vec a, Vec b) { return _mm256_sub_ps(a, b); }
  static Vec mul(Vec a, Vec b) { return _mm256_mul_ps(a, b); }
  static Vec div(Vec a, Vec b) { return _mm256_div_ps(a, b); }
  static Vec max(Vec a, Vec b) { return _mm256_max_ps(a, b); }
  static Vec min(Vec a, Vec b) { return _mm256_min_ps(a, b); }
  static Vec fma(Vec a, Vec b, Vec c) { return _mm256_fmadd_ps(a, b, c); }
  static Vec fnma(Vec a, Vec b, Vec c) { return _mm256_fnmadd_ps(a, b, c); }
  static Vec abs(Vec a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), a); }
  static Vec select_less(Vec a, Vec b, Vec x, Vec y) { return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
  template <int kBit>
  static Vec select_lanes(Vec a, Vec b) {
    return _mm256_blend_ps(a, b, kBit == 1 ? 0xaa : kBit == 2 ? 0xcc : 0xf0);
  }
  static Vec shift_into_exponent(Vec v) { return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_castps_si256(v), 23)); }
  static float sum(Vec v) {
    const __m128 four = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
  }

  static void transpose4(const float* const* rows, std::int64_t column, Vec scale, float* out,
                         std::int64_t out_stride) {
    // Row i in the lower half, row i + 4 in the upper: a 4x4 transposition in each half does the rest.
    const auto pair = [&](int i) {
      return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(rows[i] + column)),
                                  _mm_loadu_ps(rows[i + 4] + column), 1);
    };
    const Vec r0 = pair(0);
    const Vec r1 = pair(1);
    const Vec r2 = pair(2);
    const Vec r3 = pair(3);
    const __m256d a = _mm256_castps_pd(_mm256_unpacklo_ps(r0, r1));
    const __m256d b = _mm256_castps_pd(_mm256_unpackhi_ps(r0, r1));
    const __m256d c = _mm256_castps_pd(_mm256_unpacklo_ps(r2, r3));
    const __m256d d = _mm256_castps_pd(_mm256_unpackhi_ps(r2, r3));
    store(out, mul(scale, _mm256_castpd_ps(_mm256_unpacklo_pd(a, c))));
    store(out + out_stride, mul(scale, _mm256_castpd_ps(_mm256_unpackhi_pd(a, c))));
    store(out + 2 * out_stride, mul(scale, _mm256_castpd_ps(_mm256_unpacklo_pd(b, d))));
    store(out + 3 * out_stride, mul(scale, _mm256_castpd_ps(_mm256_unpackhi_pd(b, d))));
  }
};

}  // namespace
}  // namespace valence::kernels
