/// \file
/// f32 rows as int8 with one scale each: how matrices of a quantised checkpoint are stored.
#pragma once

#include <cstdint>
#include <span>

namespace valence {

/// The largest magnitude stored: symmetric, so -128 never occurs.
inline constexpr int kLargestInt8 = 127;

/// Fills `quantised` (as long as `row`) and returns the scale: row[i] ~ quantised[i] * scale, off by at most half a
/// scale. The scale is max|row| / 127; a row of zeros gets 1. `row` must be finite.
float quantise_row(std::span<const float> row, std::span<std::int8_t> quantised);

}  // namespace valence
