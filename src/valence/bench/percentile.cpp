#include "valence/bench/percentile.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "valence/base/check.h"

namespace valence::bench {

double percentile(std::vector<double> values, double percent) {
  VALENCE_ASSERT(!values.empty() && percent > 0 && percent <= 100, "callers measure at least once");
  // The product first: 99 / 100 * 100 would round to over 99.
  const double rank = std::ceil(percent * static_cast<double>(values.size()) / 100);
  const auto at = values.begin() + static_cast<std::ptrdiff_t>(rank) - 1;
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

double median(std::vector<double> values) {
  VALENCE_ASSERT(!values.empty(), "callers measure at least once");
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace valence::bench
