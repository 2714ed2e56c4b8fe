/// \file
/// Intervals of any figure of a set of rows, by drawing the rows again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "valence/base/statistics.h"

namespace valence::eval {

struct BootstrapOptions {
  std::size_t resamples = 1000;
  std::uint64_t seed = 0;
  double confidence = 0.95;  ///< the part of the resampled figures that an interval holds, in (0, 1)
};

/// Computes `figures` of the rows whose indices are in `sample`; a row may stand there several times.
using FiguresOf = std::function<void(std::span<const std::uint32_t> sample, std::span<double> figures)>;

/// One interval a figure, by the percentile method: each resample draws `rows` rows with replacement. Figures that are
/// NaN in a resample (a label that was not drawn) are left out; if all are, so is the interval. The draws are a
/// function of the seed alone. No rows or resamples: NaN. Source: B. Efron, "Bootstrap methods: another look at the
/// jackknife", Annals of Statistics 7 (1979); quantiles interpolate linearly, as numpy's.
[[nodiscard]] std::vector<Interval> bootstrap_intervals(std::size_t rows, std::size_t num_figures,
                                                        const FiguresOf& figures_of, const BootstrapOptions& options);

/// The value below which the share `q` of `sorted` lies; NaN for no values.
[[nodiscard]] double quantile_of_sorted(std::span<const double> sorted, double q);

}  // namespace valence::eval
