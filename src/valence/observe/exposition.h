/// \file
/// Collected metrics as text: Prometheus' format 0.0.4 and OpenMetrics 1.0.
#pragma once

#include <string>
#include <vector>

#include "valence/observe/metrics.h"

namespace prometheus {
struct MetricFamily;
}

namespace valence::observe {

/// Sources: prometheus.io/docs/instrumenting/exposition_formats ("Text-based format") and the OpenMetrics
/// specification, in which a counter's family has no _total and the text ends in # EOF.
[[nodiscard]] std::string to_text(const std::vector<prometheus::MetricFamily>& families, Exposition exposition);

}  // namespace valence::observe
