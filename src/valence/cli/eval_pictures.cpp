#include "valence/cli/eval_pictures.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "valence/cli/html_text.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

constexpr std::size_t kNameColumns = 22;
constexpr double kColumnWidth = 7.2;  // of a character of the pictures' 12 px type, wide enough for most

std::string named(const std::string& text) { return html_escaped(data::shown(text, kNameColumns)); }

double name_width(const std::vector<std::string>& names) {
  std::size_t columns = 6;
  for (const std::string& name : names) {
    columns = std::max(columns, data::display_width(data::shown(name, kNameColumns)));
  }
  return kColumnWidth * static_cast<double>(columns) + 12;
}

std::string opened(double width, double height, const std::string& title) {
  return fmt::format(
      "<svg viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" role=\"img\"><title>{2}</title>\n",
      width, height, html_escaped(title));
}

}  // namespace

std::string confusion_picture(const eval::ConfusionMatrix& confusion, const std::vector<std::string>& labels) {
  constexpr double kTop = 40;
  const double left = name_width(labels) + 20;
  const auto count = static_cast<double>(labels.size());
  const double cell = std::clamp(560 / count, 18.0, 84.0);
  const double slanted = labels.size() > 4 ? name_width(labels) : 0;  // long names of many columns stand upright
  const double top = kTop + slanted;
  std::string svg =
      opened(left + cell * count + 10, top + cell * count + 10, "Confusion matrix: rows truth, columns answers");
  svg += fmt::format("<text class=\"axis\" x=\"{:.1f}\" y=\"14\">answer</text>\n", left);
  for (std::size_t label = 0; label < labels.size(); ++label) {
    const double x = left + cell * (static_cast<double>(label) + 0.5);
    const double y = top + cell * (static_cast<double>(label) + 0.5);
    svg += slanted > 0 ? fmt::format("<text transform=\"translate({:.1f} {:.1f}) rotate(-90)\">{}</text>\n", x + 4,
                                     top - 6, named(labels[label]))
                       : fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", x, top - 8,
                                     named(labels[label]));
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", left - 8, y + 4,
                       named(labels[label]));
  }
  for (std::size_t truth = 0; truth < labels.size(); ++truth) {
    std::uint64_t support = 0;
    for (std::size_t answer = 0; answer < labels.size(); ++answer) support += confusion.at(truth, answer);
    for (std::size_t answer = 0; answer < labels.size(); ++answer) {
      const std::uint64_t rows = confusion.at(truth, answer);
      const double share = support == 0 ? 0 : static_cast<double>(rows) / static_cast<double>(support);
      const double x = left + cell * static_cast<double>(answer);
      const double y = top + cell * static_cast<double>(truth);
      svg += fmt::format(
          "<rect class=\"{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" fill-opacity=\"{:.3f}\">"
          "<title>{} answered as {}: {} rows, {:.1f} %</title></rect>\n",
          truth == answer ? "right" : "wrong", x + 1, y + 1, cell - 2, cell - 2, 0.06 + 0.8 * share,
          html_escaped(labels[truth]), html_escaped(labels[answer]), rows, 100 * share);
      if (cell >= 34) {
        svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", x + cell / 2,
                           y + cell / 2 + 4, rows);
      }
    }
  }
  return svg + "</svg>\n";
}

std::string reliability_picture(const eval::Reliability& reliability, const std::string& y_title) {
  constexpr double kLeft = 54;
  constexpr double kTop = 24;
  constexpr double kSide = 360;
  constexpr double kRows = 70;
  std::uint64_t most = 1;
  for (const eval::ReliabilityBin& bin : reliability.bins) most = std::max(most, bin.rows);
  std::string svg = opened(kLeft + kSide + 20, kTop + kSide + kRows + 60, "Reliability diagram");
  const auto x_of = [](double share) { return kLeft + kSide * share; };
  const auto y_of = [](double share) { return kTop + kSide * (1 - share); };
  for (int step = 0; step <= 4; ++step) {
    const double share = step / 4.0;
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{:.0f} %</text>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{:.2f}</text>\n",
        x_of(0), x_of(1), y_of(share), y_of(share), kLeft - 8, y_of(share) + 4, 100 * share, x_of(share),
        kTop + kSide + 18, share);
  }
  svg += fmt::format("<text class=\"axis\" x=\"4\" y=\"14\">{}</text>\n", html_escaped(y_title));
  const double base = kTop + kSide + 30 + kRows;
  for (const eval::ReliabilityBin& bin : reliability.bins) {
    if (bin.rows == 0) continue;
    const double x = x_of(bin.low) + 1;
    const double width = std::max(1.0, kSide * (bin.high - bin.low) - 2);
    const std::string title =
        fmt::format("<title>scores {:.2f} to {:.2f}: {} rows, mean score {:.1f} %, {:.1f} %</title>", bin.low, bin.high,
                    bin.rows, 100 * bin.mean_confidence, 100 * bin.accuracy);
    svg += fmt::format(
        "<rect class=\"right\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" "
        "fill-opacity=\"0.55\">{}</rect>\n",
        x, y_of(bin.accuracy), width, kSide * bin.accuracy, title);
    // The gap between the mean score and what was right.
    svg += fmt::format("<line class=\"mark\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>\n", x, x + width,
                       y_of(bin.mean_confidence), y_of(bin.mean_confidence));
    const double height = kRows * static_cast<double>(bin.rows) / static_cast<double>(most);
    svg += fmt::format("<rect class=\"count\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\">{}</rect>\n",
                       x, base - height, width, height, title);
  }
  svg += fmt::format("<line class=\"ideal\" x1=\"{:.1f}\" y1=\"{:.1f}\" x2=\"{:.1f}\" y2=\"{:.1f}\"/>\n", x_of(0),
                     y_of(0), x_of(1), y_of(1));
  svg += fmt::format("<text class=\"axis\" x=\"{:.1f}\" y=\"{:.1f}\">rows by score</text>\n", kLeft, base + 16);
  return svg + "</svg>\n";
}

std::string bars_picture(const std::string& title, const std::vector<std::string>& series,
                         const std::vector<BarRow>& rows) {
  constexpr double kBar = 11;
  constexpr double kGap = 9;
  constexpr double kTop = 30;
  constexpr double kLength = 380;
  std::vector<std::string> names;
  for (const BarRow& row : rows) names.push_back(row.name);
  const double left = name_width(names);
  const double row_height = kBar * static_cast<double>(series.size()) + kGap;
  std::string svg = opened(left + kLength + 190, kTop + row_height * static_cast<double>(rows.size()) + 8, title);
  double legend = left;
  for (std::size_t i = 0; i < series.size(); ++i) {
    svg += fmt::format(
        "<rect class=\"series{}\" x=\"{:.1f}\" y=\"6\" width=\"10\" height=\"10\"/>"
        "<text x=\"{:.1f}\" y=\"15\">{}</text>\n",
        i, legend, legend + 14, html_escaped(series[i]));
    legend += 30 + kColumnWidth * static_cast<double>(series[i].size());
  }
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const double y = kTop + row_height * static_cast<double>(row);
    const double middle = y + (row_height - kGap) / 2 + 4;
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", left - 8, middle,
                       named(rows[row].name));
    svg += fmt::format("<rect class=\"track\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\"/>\n", left,
                       y, kLength, row_height - kGap);
    for (std::size_t i = 0; i < rows[row].values.size(); ++i) {
      const double value = rows[row].values[i];
      if (std::isnan(value)) continue;
      svg += fmt::format(
          "<rect class=\"series{}\" x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\">"
          "<title>{}: {} {:.2f} %</title></rect>\n",
          i, left, y + kBar * static_cast<double>(i), kLength * std::clamp(value, 0.0, 1.0), kBar - 2,
          html_escaped(rows[row].name), html_escaped(series[i]), 100 * value);
    }
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", left + kLength + 8, middle,
                       html_escaped(rows[row].note));
  }
  return svg + "</svg>\n";
}

}  // namespace valence::cli
