/// \file
/// Integer dot products with AVX2, and with AVX-VNNI on top. The contract is in dot_portable.h.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "valence/kernels/simd_avx2.h"

namespace valence::kernels {
namespace {

/// What both share: all that is not a product.
struct DotAvx2Base {
  using Float = SimdAvx2;
  using Sums = __m256i;
  using Weights = __m256i;
  using Group = __m256i;
  using Pairs = __m256i;

  // 12 accumulators of 16 registers: 7 loads for 12 products.
  static constexpr int kPanelVectors = 3;
  static constexpr int kTileRows = 4;

  static __m256i load(const void* p) { return _mm256_loadu_si256(static_cast<const __m256i*>(p)); }
  static Sums start(std::int32_t v) { return _mm256_set1_epi32(v); }
  static Sums load_sums(const std::int32_t* p) { return load(p); }
  static void store_sums(std::int32_t* p, Sums v) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), v); }
  template <class Element>
  static Group load_group(const Element* p) {
    std::int32_t group;
    __builtin_memcpy(&group, p, sizeof group);
    return _mm256_set1_epi32(group);
  }
  static Pairs load_pairs(const std::int32_t* p) { return load(p); }
  static Pairs broadcast_pair(const void* p) { return load_group(static_cast<const char*>(p)); }
  static Pairs pair(Float::Vec low, Float::Vec high) {
    const __m256i upper = _mm256_slli_epi32(_mm256_cvtps_epi32(high), 16);
    return _mm256_blend_epi16(upper, _mm256_cvtps_epi32(low), 0x55);
  }
  static void store_narrow(std::int32_t* p, Float::Vec low, Float::Vec high) {
    const __m256i packed = _mm256_packs_epi32(_mm256_cvtps_epi32(low), _mm256_cvtps_epi32(high));
    store_sums(p, _mm256_permute4x64_epi64(packed, 0xd8));
  }
  static Float::Vec to_float(Sums v) { return _mm256_cvtepi32_ps(v); }

  static Sums magnitude_zero() { return _mm256_setzero_si256(); }
  static Sums magnitude_max(Sums greatest, Float::Vec v) {
    return _mm256_max_epi32(greatest, _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(0x7fffffff)));
  }
  static Sums magnitude_join(Sums a, Sums b) { return _mm256_max_epi32(a, b); }
  static float magnitude(Sums greatest) {
    __m128i m = _mm_max_epi32(_mm256_castsi256_si128(greatest), _mm256_extracti128_si256(greatest, 1));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4e));
    m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xb1));
    return _mm_cvtss_f32(_mm_castsi128_ps(m));
  }

 protected:
  static __m256i integers(const float* x, Float::Vec inverse) {
    return _mm256_cvtps_epi32(Float::mul(Float::load(x), inverse));
  }
};

/// Without VNNI: the only 8-bit product, vpmaddubsw, saturates, so activations are 16-bit and weights are widened.
struct DotAvx2 : DotAvx2Base {
  using Element = std::int16_t;
  static constexpr const char* kPath = "AVX2 int8 (16-bit products)";
  static constexpr int kGroup = 2;
  static constexpr bool kUnsignedWeights = false;
  static constexpr int kWeightBytes = 16;
  static constexpr int kQuantizeStep = 16;

  static Weights load_weights(const std::byte* p) {
    return _mm256_cvtepi8_epi16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
  static Sums dot(Sums sums, Weights weights, Group x) { return dot16(sums, weights, x); }
  static Sums dot16(Sums sums, Pairs a, Pairs b) { return _mm256_add_epi32(sums, _mm256_madd_epi16(a, b)); }
  static void quantize(const float* x, Float::Vec inverse, Element* to) {
    const __m256i q = _mm256_packs_epi32(integers(x, inverse), integers(x + 8, inverse));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), _mm256_permute4x64_epi64(q, 0xd8));
  }
  static std::int32_t sum(const Element*, std::int64_t) { return 0; }
};

struct DotAvxVnni : DotAvx2Base {
  using Element = std::int8_t;
  static constexpr const char* kPath = "AVX-VNNI int8";
  static constexpr const char* kI16Path = "AVX-VNNI int16";
  static constexpr int kGroup = 4;
  static constexpr bool kUnsignedWeights = true;
  static constexpr int kWeightBytes = 32;
  static constexpr int kQuantizeStep = 32;

  static Weights load_weights(const std::byte* p) { return load(p); }
  // As in dot_avx512_vnni.h: asm keeps the accumulators in registers.
  static Sums dot(Sums sums, Weights weights, Group x) {
    asm("%{vex%} vpdpbusd %2, %1, %0" : "+x"(sums) : "x"(weights), "x"(x));
    return sums;
  }
  static Sums dot16(Sums sums, Pairs a, Pairs b) {
    asm("%{vex%} vpdpwssd %2, %1, %0" : "+x"(sums) : "x"(a), "x"(b));
    return sums;
  }
  static void quantize(const float* x, Float::Vec inverse, Element* to) {
    const __m256i low = _mm256_packs_epi32(integers(x, inverse), integers(x + 8, inverse));
    const __m256i high = _mm256_packs_epi32(integers(x + 16, inverse), integers(x + 24, inverse));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to),
                        _mm256_permutevar8x32_epi32(_mm256_packs_epi16(low, high), order));
  }
  static std::int32_t sum(const Element* q, std::int64_t count) {
    __m256i total = _mm256_setzero_si256();
    for (std::int64_t i = 0; i < count; i += 32) total = dot(total, _mm256_set1_epi8(1), load(q + i));
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(total), _mm256_extracti128_si256(total, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
  }
};

}  // namespace
}  // namespace valence::kernels
