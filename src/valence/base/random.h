/// \file
/// Pseudo-random numbers that are the same on every machine and with every standard library.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace valence {

/// SplitMix64's output for the state `x`: a bijection whose values pass for random (G. Steele et al., "Fast splittable
/// pseudorandom number generators", OOPSLA 2014). For numbers that are a function of where they are used.
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

/// xoshiro256** 1.0, its state filled by SplitMix64 from a seed. Source: D. Blackman & S. Vigna, "Scrambled linear
/// pseudorandom number generators", ACM TOMS 47 (2021). Not for secrets. Not thread-safe.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) {
    for (std::uint64_t& word : state_) {
      word = mixed(seed);
      seed += 0x9E3779B97F4A7C15U;
    }
  }

  /// 64 uniform bits.
  constexpr std::uint64_t next() {
    const std::uint64_t bits = rotated(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17U;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = rotated(state_[3], 45);
    return bits;
  }

  /// Uniform in [0, bound), bound > 0: values of the incomplete last stretch of 2^64 are drawn again.
  constexpr std::uint64_t below(std::uint64_t bound) {
    const std::uint64_t too_low = (0 - bound) % bound;  // 2^64 mod bound
    while (true) {
      const std::uint64_t bits = next();
      if (bits >= too_low) return bits % bound;
    }
  }

  /// Fisher and Yates, from the last element down: std::shuffle leaves the draws to the library.
  template <class T>
  constexpr void shuffle(std::span<T> items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  static constexpr std::uint64_t rotated(std::uint64_t value, unsigned by) {
    return (value << by) | (value >> (64U - by));
  }

  std::uint64_t state_[4]{};
};

}  // namespace valence
