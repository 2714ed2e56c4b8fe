/// \file
/// Places of dropout within a layer.
#pragma once

#include <cstdint>

namespace valence::train {

enum class Place : std::uint64_t { kProbabilities, kAttentionOutput, kFfnIntermediate, kFfnOutput, kRelative, kCount };

/// A number for each place of each layer.
[[nodiscard]] constexpr std::uint64_t place_of(std::int64_t layer, Place place) {
  return static_cast<std::uint64_t>(layer) * static_cast<std::uint64_t>(Place::kCount) +
         static_cast<std::uint64_t>(place);
}

}  // namespace valence::train
