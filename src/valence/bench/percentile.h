/// \file
/// Order statistics of measured times.
#pragma once

#include <vector>

namespace valence::bench {

/// The smallest of `values` that at least `percent` of 100 of them do not exceed (nearest rank): always a value that
/// occurred. `values` is not empty; 0 < percent <= 100.
[[nodiscard]] double percentile(std::vector<double> values, double percent);

/// The middle one; of an even number, the mean of the middle two. `values` is not empty.
[[nodiscard]] double median(std::vector<double> values);

}  // namespace valence::bench
