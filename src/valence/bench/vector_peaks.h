/// \file
/// The loops behind peaks.h: each runs `iterations` times over its accumulators. Internal to this layer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace valence::bench {

/// Multiply-adds of one iteration of each loop below, as op: two each.
inline constexpr int kAccumulators = 12;
inline constexpr double kF32Fma512Ops = 2.0 * kAccumulators * 16;
inline constexpr double kF32Fma256Ops = 2.0 * kAccumulators * 8;
inline constexpr double kBf16Dot512Ops = 2.0 * kAccumulators * 32;
inline constexpr double kFp16Fma512Ops = 2.0 * kAccumulators * 32;
inline constexpr double kInt16Dot512Ops = 2.0 * kAccumulators * 32;
inline constexpr double kInt16Dot256Ops = 2.0 * kAccumulators * 16;
inline constexpr double kInt8Dot512Ops = 2.0 * kAccumulators * 64;
inline constexpr double kInt8Dot256Ops = 2.0 * kAccumulators * 32;
inline constexpr double kInt8Madd256Ops = 2.0 * kAccumulators * 16;

void f32_fma_512(std::int64_t iterations);
void f32_fma_256(std::int64_t iterations);
void bf16_dot_512(std::int64_t iterations);
void fp16_fma_512(std::int64_t iterations);
void int16_dot_512(std::int64_t iterations);
void int16_dot_256_evex(std::int64_t iterations);  ///< AVX-512 VNNI and VL
void int16_dot_256_vex(std::int64_t iterations);   ///< AVX-VNNI
void int8_dot_512(std::int64_t iterations);
void int8_dot_256_evex(std::int64_t iterations);  ///< AVX-512 VNNI and VL
void int8_dot_256_vex(std::int64_t iterations);   ///< AVX-VNNI
/// vpmaddwd and vpaddd: what exact int8 products are made of where there is no vpdpbusd.
void int8_madd_256(std::int64_t iterations);

}  // namespace valence::bench
