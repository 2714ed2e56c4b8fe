/// \file
/// Where dropout draws its numbers from: everything is a function of (seed, step, place), so that the backward pass and
/// a resumed run draw the same.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "valence/base/random.h"

namespace valence::train {

/// The random numbers of one forward pass.
struct DropoutStream {
  std::uint64_t seed = 0;  ///< of the run and the step

  [[nodiscard]] constexpr std::uint64_t key(std::uint64_t place) const { return mixed(mixed(seed ^ mixed(place))); }
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
