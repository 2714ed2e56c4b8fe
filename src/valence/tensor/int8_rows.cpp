#include "valence/tensor/int8_rows.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "valence/base/check.h"

namespace valence {

float quantise_row(std::span<const float> row, std::span<std::int8_t> quantised) {
  VALENCE_ASSERT(row.size() == quantised.size(), "one int8 for each float");
  float largest = 0;
  for (const float value : row) largest = std::max(largest, std::fabs(value));
  const float scale = largest / static_cast<float>(kLargestInt8);
  // Zeros, or so small that a step underflows: nothing of it is left in float either.
  if (scale < std::numeric_limits<float>::min()) {
    std::ranges::fill(quantised, std::int8_t{0});
    return 1;
  }
  for (std::size_t i = 0; i < row.size(); ++i) {
    const float steps = std::nearbyint(row[i] / scale);
    quantised[i] = static_cast<std::int8_t>(std::clamp<float>(steps, -kLargestInt8, kLargestInt8));
  }
  return scale;
}

}  // namespace valence
