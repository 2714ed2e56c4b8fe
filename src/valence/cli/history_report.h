/// \file
/// The trend report as a table for a terminal, as CSV, and as a page.
#pragma once

#include <cstddef>
#include <string>

#include "valence/store/trend_report.h"

namespace valence::cli {

struct ReportHeading {
  std::string place;  ///< of the history
  std::string scope;  ///< "stream reviews, channel ios"; empty: all
  std::string made;   ///< when, RFC 3339
};

[[nodiscard]] std::string report_table(const store::TrendReport& report, bool unicode);
/// One line a period: its begin, texts, each label's count and mean score, then share, interval, change and p-value of
/// the label followed.
[[nodiscard]] std::string report_csv(const store::TrendReport& report);
/// One file, no requests; light and dark.
[[nodiscard]] std::string report_html(const store::TrendReport& report, const ReportHeading& heading);

/// A sentence on the last period: "2026-03: 18.2 % negative of 1,204 texts, 4.1 points more than in 2026-02 (p =
/// 0.003)".
[[nodiscard]] std::string report_sentence(const store::TrendReport& report);

}  // namespace valence::cli
