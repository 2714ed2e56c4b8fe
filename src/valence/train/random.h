/// \file
/// Random numbers for parameters that begin as such: functions of a seed and a name, the same on every machine.
#pragma once

#include <cmath>
#include <cstdint>
#include <numbers>
#include <span>
#include <string_view>

#include "valence/base/random.h"

namespace valence::train {

/// A stream of its own for each name.
[[nodiscard]] constexpr std::uint64_t stream_of(std::uint64_t seed, std::string_view name) {
  std::uint64_t stream = mixed(seed);
  for (const char c : name) stream = mixed(stream ^ static_cast<unsigned char>(c));
  return stream;
}

/// Uniform in (0, 1): the i-th number of a stream.
[[nodiscard]] constexpr double uniform(std::uint64_t stream, std::uint64_t i) {
  constexpr double kSteps = 9007199254740992.0;  // 2^53
  return (static_cast<double>(mixed(stream + mixed(i)) >> 11U) + 0.5) / kSteps;
}

/// Box and Muller 1958.
inline void fill_normal(std::span<float> out, double deviation, std::uint64_t stream) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double radius = std::sqrt(-2.0 * std::log(uniform(stream, 2 * i)));
    out[i] = static_cast<float>(deviation * radius * std::cos(2.0 * std::numbers::pi * uniform(stream, 2 * i + 1)));
  }
}

}  // namespace valence::train
