/// \file
/// Integer dot products with AVX-512 VNNI. The contract is in dot_portable.h.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "valence/kernels/simd_avx512.h"

namespace valence::kernels {
namespace {

struct DotAvx512Vnni {
  using Float = SimdAvx512;
  using Element = std::int8_t;
  using Sums = __m512i;
  using Weights = __m512i;
  using Group = __m512i;
  using Pairs = __m512i;

  static constexpr const char* kPath = "AVX-512 VNNI int8";
  static constexpr const char* kI16Path = "AVX-512 VNNI int16";
  // 24 accumulators of 32 registers: 11 loads for 24 products.
  static constexpr int kPanelVectors = 3;
  static constexpr int kTileRows = 8;
  static constexpr int kGroup = 4;
  static constexpr bool kUnsignedWeights = true;
  static constexpr int kWeightBytes = 64;
  static constexpr int kQuantizeStep = 64;

  static Sums start(std::int32_t v) { return _mm512_set1_epi32(v); }
  static Sums load_sums(const std::int32_t* p) { return _mm512_loadu_si512(p); }
  static void store_sums(std::int32_t* p, Sums v) { _mm512_storeu_si512(p, v); }
  static Weights load_weights(const std::byte* p) { return _mm512_loadu_si512(p); }
  static Group load_group(const Element* p) {
    std::int32_t group;
    __builtin_memcpy(&group, p, sizeof group);
    return _mm512_set1_epi32(group);
  }
  // GCC 12 spills the accumulators around the builtin, which halves the speed; it keeps those of an asm statement.
  static Sums dot(Sums sums, Weights weights, Group x) {
    asm("vpdpbusd %2, %1, %0" : "+v"(sums) : "v"(weights), "v"(x));
    return sums;
  }

  static Pairs load_pairs(const std::int32_t* p) { return _mm512_loadu_si512(p); }
  static Pairs broadcast_pair(const void* p) { return load_group(static_cast<const Element*>(p)); }
  static Sums dot16(Sums sums, Pairs a, Pairs b) {
    asm("vpdpwssd %2, %1, %0" : "+v"(sums) : "v"(a), "v"(b));
    return sums;
  }
  static Pairs pair(Float::Vec low, Float::Vec high) {
    const __m512i upper = _mm512_slli_epi32(_mm512_cvtps_epi32(high), 16);
    return _mm512_mask_mov_epi16(upper, 0x55555555U, _mm512_cvtps_epi32(low));
  }
  static void store_narrow(std::int32_t* p, Float::Vec low, Float::Vec high) {
    const __m512i packed = _mm512_packs_epi32(_mm512_cvtps_epi32(low), _mm512_cvtps_epi32(high));
    _mm512_storeu_si512(p, _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 2, 4, 6, 1, 3, 5, 7), packed));
  }
  static Float::Vec to_float(Sums v) { return _mm512_cvtepi32_ps(v); }

  static Sums magnitude_zero() { return _mm512_setzero_si512(); }
  static Sums magnitude_max(Sums greatest, Float::Vec v) {
    return _mm512_max_epi32(greatest, _mm512_and_si512(_mm512_castps_si512(v), _mm512_set1_epi32(0x7fffffff)));
  }
  static Sums magnitude_join(Sums a, Sums b) { return _mm512_max_epi32(a, b); }
  static float magnitude(Sums greatest) {
    return _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(_mm512_reduce_max_epi32(greatest))));
  }

  static void quantize(const float* x, Float::Vec inverse, Element* to) {
    const auto integers = [&](int i) { return _mm512_cvtps_epi32(Float::mul(Float::load(x + i), inverse)); };
    const __m512i low = _mm512_packs_epi32(integers(0), integers(16));
    const __m512i high = _mm512_packs_epi32(integers(32), integers(48));
    // The packs interleave by quarters of a register.
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    _mm512_storeu_si512(to, _mm512_permutexvar_epi32(order, _mm512_packs_epi16(low, high)));
  }
  static std::int32_t sum(const Element* q, std::int64_t count) {
    __m512i total = _mm512_setzero_si512();
    for (std::int64_t i = 0; i < count; i += 64) total = dot(total, _mm512_set1_epi8(1), _mm512_loadu_si512(q + i));
    return _mm512_reduce_add_epi32(total);
  }
};

}  // namespace
}  // namespace valence::kernels
