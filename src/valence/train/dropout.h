/// \file
/// Where dropout draws its numbers from: everything is a function of (seed, step, place), so that the backward pass and
/// a resumed run draw the same.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "valence/kernels/training_table.h"

namespace valence::train {

/// splitmix64 (Steele, Lea and Flood 2014).
[[nodiscard]] constexpr std::uint64_t mixed(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15U;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31);
}

/// The random numbers of one forward pass.
struct DropoutStream {
  std::uint64_t seed = 0;  ///< of the run and the step

  [[nodiscard]] constexpr std::uint64_t key(std::uint64_t place, std::uint64_t part = 0) const {
    return mixed(mixed(seed ^ mixed(place)) + part);
  }
};

/// What DropoutCall wants for a probability of dropping in [0, 1).
struct DropoutRate {
  double probability = 0;

  [[nodiscard]] bool any() const { return probability > 0; }
  [[nodiscard]] std::uint32_t threshold() const {
    constexpr double kRange = 4294967296.0;
    return static_cast<std::uint32_t>(std::min(kRange - 1, std::round(probability * kRange)));
  }
  [[nodiscard]] float scale() const { return static_cast<float>(1.0 / (1.0 - probability)); }
};

}  // namespace valence::train
