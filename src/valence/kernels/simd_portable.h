/// \file
/// Four floats at a time in plain C++ (vector extensions of GCC and Clang): SSE4.2 on x86-64-v2.
///
/// The contract of every Simd type. It is declared in an anonymous namespace, so that whatever is instantiated over it
/// stays inside the one file that includes it, compiled for its ISA. max(a, b) and min(a, b) give b where a is NaN or b
/// is: put the constant first and NaN flows through.
#pragma once

#include <cstdint>
#include <cstring>

namespace valence::kernels {
namespace {

struct SimdPortable {
  using Vec = float __attribute__((vector_size(16)));
  using Mask = std::int32_t __attribute__((vector_size(16)));

  static constexpr int kWidth = 4;
  static constexpr int kPanelVectors = 2;  // columns of a weight panel, in vectors
  static constexpr int kTileRows = 6;      // 12 accumulators of 16 registers
  static constexpr int kValueVectors = 2;  // columns of a tile of attention's second product
  static constexpr int kValueRows = 6;

  static Vec zero() { return Vec{}; }
  static Vec broadcast(float v) { return Vec{v, v, v, v}; }
  static Vec load(const float* p) {
    Vec v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
  static void store(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }

  /// The first n < kWidth elements; the others are 0, and not read.
  static Vec load_partial(const float* p, std::int64_t n) {
    Vec v{};
    for (std::int64_t i = 0; i < n; ++i) v[i] = p[i];
    return v;
  }
  static void store_partial(float* p, Vec v, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) p[i] = v[i];
  }
  static Vec load_i8(const std::int8_t* p) {
    return Vec{static_cast<float>(p[0]), static_cast<float>(p[1]), static_cast<float>(p[2]), static_cast<float>(p[3])};
  }

  static Vec add(Vec a, Vec b) { return a + b; }
  static Vec sub(Vec a, Vec b) { return a - b; }
  static Vec mul(Vec a, Vec b) { return a * b; }
  static Vec div(Vec a, Vec b) { return a / b; }
  static Vec max(Vec a, Vec b) { return a > b ? a : b; }
  static Vec min(Vec a, Vec b) { return a < b ? a : b; }
  /// a * b + c, and c - a * b; fused where the ISA has it.
  static Vec fma(Vec a, Vec b, Vec c) { return a * b + c; }
  static Vec fnma(Vec a, Vec b, Vec c) { return c - a * b; }
  static Vec abs(Vec a) { return reinterpret_cast<Vec>(reinterpret_cast<Mask>(a) & 0x7fffffff); }
  /// a < b ? x : y; y where a or b is NaN.
  static Vec select_less(Vec a, Vec b, Vec x, Vec y) { return a < b ? x : y; }
  /// b in the lanes whose number has kBit set (a power of two below kWidth), a elsewhere.
  template <int kBit>
  static Vec select_lanes(Vec a, Vec b) {
    if constexpr (kBit == 1) return __builtin_shufflevector(a, b, 0, 5, 2, 7);
    return __builtin_shufflevector(a, b, 0, 1, 6, 7);
  }
  /// The bits of `v` moved up to where the exponent is: see vector_math.h.
  static Vec shift_into_exponent(Vec v) { return reinterpret_cast<Vec>(reinterpret_cast<Mask>(v) << 23); }
  static float sum(Vec v) { return (v[0] + v[2]) + (v[1] + v[3]); }

  /// Four consecutive columns of kWidth rows, as four vectors with a row in each lane: out[c * out_stride + lane].
  static void transpose4(const float* const* rows, std::int64_t column, Vec scale, float* out,
                         std::int64_t out_stride) {
    Vec r[4];
    for (int i = 0; i < 4; ++i) r[i] = load(rows[i] + column);
    const Vec a = __builtin_shufflevector(r[0], r[1], 0, 4, 1, 5);
    const Vec b = __builtin_shufflevector(r[0], r[1], 2, 6, 3, 7);
    const Vec c = __builtin_shufflevector(r[2], r[3], 0, 4, 1, 5);
    const Vec d = __builtin_shufflevector(r[2], r[3], 2, 6, 3, 7);
    store(out, __builtin_shufflevector(a, c, 0, 1, 4, 5) * scale);
    store(out + out_stride, __builtin_shufflevector(a, c, 2, 3, 6, 7) * scale);
    store(out + 2 * out_stride, __builtin_shufflevector(b, d, 0, 1, 4, 5) * scale);
    store(out + 3 * out_stride, __builtin_shufflevector(b, d, 2, 3, 6, 7) * scale);
  }
};

}  // namespace
}  // namespace valence::kernels
