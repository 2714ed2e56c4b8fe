#include "valence/eval/bootstrap.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "valence/base/random.h"

namespace valence::eval {

double quantile_of_sorted(std::span<const double> sorted, double q) {
  if (sorted.empty()) return std::numeric_limits<double>::quiet_NaN();
  const double place = q * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

std::vector<Interval> bootstrap_intervals(std::size_t rows, std::size_t num_figures, const FiguresOf& figures_of,
                                          const BootstrapOptions& options) {
  std::vector<std::vector<double>> resampled(num_figures);
  std::vector<std::uint32_t> sample(rows);
  std::vector<double> figures(num_figures);
  Random random(options.seed);
  for (std::size_t resample = 0; rows > 0 && resample < options.resamples; ++resample) {
    for (std::uint32_t& row : sample) row = static_cast<std::uint32_t>(random.below(rows));
    figures_of(sample, figures);
    for (std::size_t i = 0; i < num_figures; ++i) {
      if (!std::isnan(figures[i])) resampled[i].push_back(figures[i]);
    }
  }
  std::vector<Interval> intervals;
  const double outside = (1 - options.confidence) / 2;
  for (std::vector<double>& values : resampled) {
    std::ranges::sort(values);
    intervals.push_back({quantile_of_sorted(values, outside), quantile_of_sorted(values, 1 - outside)});
  }
  return intervals;
}

}  // namespace valence::eval
