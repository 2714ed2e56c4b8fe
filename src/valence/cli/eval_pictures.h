/// \file
/// The pictures of the HTML report as inline SVG. Colours are classes of the page's style sheet, so that they follow
/// its light and dark themes; every picture has a title for screen readers.
#pragma once

#include <string>
#include <vector>

#include "valence/eval/metrics.h"
#include "valence/eval/reliability.h"

namespace valence::cli {

/// A cell for each pair of labels, darker the larger its share of the row.
[[nodiscard]] std::string confusion_picture(const eval::ConfusionMatrix& confusion,
                                            const std::vector<std::string>& labels);

/// Bars of accuracy against the diagonal, and below them how many rows each bin has.
[[nodiscard]] std::string reliability_picture(const eval::Reliability& reliability, const std::string& y_title);

/// A row of horizontal bars, values in [0, 1].
struct BarRow {
  std::string name;
  std::vector<double> values;  ///< one a series; NaN is left out
  std::string note;            ///< after the bars
};

[[nodiscard]] std::string bars_picture(const std::string& title, const std::vector<std::string>& series,
                                       const std::vector<BarRow>& rows);

}  // namespace valence::cli
