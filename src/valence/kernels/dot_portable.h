/// \file
/// Integer dot products in plain C++.
///
/// The contract of every Dot type. Products of 8-bit integers come in groups of kGroup along the depth, those of 16-bit
/// integers in pairs; sums are 32-bit and exact, so that every type gives the same ones. Where an ISA multiplies only
/// unsigned by signed bytes, weights are stored with 128 added (kUnsignedWeights) and sums start at -128 times the
/// row's sum. Without 8-bit products (or with saturating ones only), activations are kept as 16-bit Elements.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "valence/kernels/simd_portable.h"

namespace valence::kernels {
namespace {

struct DotPortable {
  using Float = SimdPortable;
  using Element = std::int16_t;  ///< of a quantised row
  using Sums = std::int32_t __attribute__((vector_size(16)));
  using Weights = Sums;  ///< a pair of 16-bit integers in each lane
  using Group = Sums;
  using Pairs = Sums;

  static constexpr const char* kPath = "portable int8";
  static constexpr int kPanelVectors = 2;
  static constexpr int kTileRows = 4;
  static constexpr int kGroup = 2;
  static constexpr bool kUnsignedWeights = false;
  static constexpr int kWeightBytes = 8;   ///< of a vector of columns and a group
  static constexpr int kQuantizeStep = 4;  ///< values that quantize() does at a time

  static Sums start(std::int32_t v) { return Sums{v, v, v, v}; }
  static Sums load_sums(const std::int32_t* p) {
    Sums v;
    std::memcpy(&v, p, sizeof v);
    return v;
  }
  static void store_sums(std::int32_t* p, Sums v) { std::memcpy(p, &v, sizeof v); }
  static std::int32_t join(std::int32_t low, std::int32_t high) {
    return static_cast<std::int32_t>((static_cast<std::uint32_t>(low) & 0xffffU) | static_cast<std::uint32_t>(high)
                                                                                       << 16U);
  }
  static Weights load_weights(const std::byte* p) {
    std::int8_t w[8];
    std::memcpy(w, p, sizeof w);
    return Weights{join(w[0], w[1]), join(w[2], w[3]), join(w[4], w[5]), join(w[6], w[7])};
  }
  static Group load_group(const Element* p) {
    std::int32_t pair;
    std::memcpy(&pair, p, sizeof pair);
    return start(pair);
  }
  /// sums + weights . x, lane by lane.
  static Sums dot(Sums sums, Weights weights, Group x) { return dot16(sums, weights, x); }

  static Pairs load_pairs(const std::int32_t* p) { return load_sums(p); }
  static Pairs broadcast_pair(const void* p) {
    std::int32_t pair;
    std::memcpy(&pair, p, sizeof pair);
    return start(pair);
  }
  static Sums dot16(Sums sums, Pairs a, Pairs b) {
    const Sums low = ((a << 16) >> 16) * ((b << 16) >> 16);
    const Sums high = (a >> 16) * (b >> 16);
    return sums + low + high;
  }
  /// Both rounded to integers, `low` below `high` in each lane.
  static Pairs pair(Float::Vec low, Float::Vec high) {
    const Sums l = to_integers(low);
    const Sums h = to_integers(high);
    return (l & 0xffff) | (h << 16);
  }
  /// Rounded to 16-bit integers in order, `low` first: W pairs of neighbours.
  static void store_narrow(std::int32_t* p, Float::Vec low, Float::Vec high) {
    const Sums l = to_integers(low);
    const Sums h = to_integers(high);
    const Sums pairs{join(l[0], l[1]), join(l[2], l[3]), join(h[0], h[1]), join(h[2], h[3])};
    store_sums(p, pairs);
  }
  static Float::Vec to_float(Sums v) { return __builtin_convertvector(v, Float::Vec); }

  /// The greatest |v| so far, by its bits, in which NaN is greater than everything.
  static Sums magnitude_zero() { return Sums{}; }
  static Sums magnitude_max(Sums greatest, Float::Vec v) {
    const Sums bits = reinterpret_cast<Sums>(v) & 0x7fffffff;
    return greatest > bits ? greatest : bits;
  }
  static Sums magnitude_join(Sums a, Sums b) { return a > b ? a : b; }
  static float magnitude(Sums greatest) {
    std::int32_t bits = greatest[0];
    for (int i = 1; i < 4; ++i) bits = bits > greatest[i] ? bits : greatest[i];
    float value;
    std::memcpy(&value, &bits, sizeof value);
    return value;
  }

  /// to = x * inverse rounded to the nearest integers (ties to even), which lie in [-127, 127].
  static void quantize(const float* x, Float::Vec inverse, Element* to) {
    const Sums q = to_integers(Float::mul(Float::load(x), inverse));
    for (int i = 0; i < 4; ++i) to[i] = static_cast<Element>(q[i]);
  }
  /// The sum of `count` values, a multiple of kQuantizeStep; only for kUnsignedWeights.
  static std::int32_t sum(const Element*, std::int64_t) { return 0; }

 private:
  /// Adding 1.5 * 2^23 rounds to the nearest integer; its bits are then the integer's.
  static Sums to_integers(Float::Vec v) {
    const Float::Vec magic = Float::broadcast(12582912.0F);
    return reinterpret_cast<Sums>(v + magic) - reinterpret_cast<Sums>(magic);
  }
};

}  // namespace
}  // namespace valence::kernels
