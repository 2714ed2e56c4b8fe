#include "valence/cli/train_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "valence/base/json.h"
#include "valence/cli/html_page.h"
#include "valence/cli/html_text.h"
#include "valence/cli/progress.h"

namespace valence::cli {
namespace {

/// (step, value) in the order of the run.
using Curve = std::vector<std::pair<double, double>>;

struct NamedCurve {
  std::string name;
  Curve points;
};

/// Every number of the log by its name.
Result<std::map<std::string, Curve>> curves_of(const std::vector<std::string>& metrics) {
  std::map<std::string, Curve> curves;
  for (const std::string& line : metrics) {
    VALENCE_TRY(const Json json, Json::parse(line, "metrics.jsonl"));
    VALENCE_TRY(const double step, json.number("step"));
    VALENCE_TRY(const auto members, json.members());
    for (const auto& [name, value] : members) {
      if (name == "step" || name == "epoch" || !value.is_number()) continue;
      VALENCE_TRY(const double number, value.as_number());
      curves[name].emplace_back(step, number);
    }
  }
  return curves;
}

/// A round number of at least `least`: 1, 2 or 5 times a power of ten.
double round_step(double least) {
  const double power = std::pow(10.0, std::floor(std::log10(std::max(least, 1e-12))));
  for (const double times : {1.0, 2.0, 5.0}) {
    if (times * power >= least) return times * power;
  }
  return 10 * power;
}

/// Curves over steps, at most three, with their names in the order of their colours.
std::string picture(const std::string& title, const std::vector<NamedCurve>& curves) {
  constexpr double kLeft = 64;
  constexpr double kTop = 34;
  constexpr double kWidth = 640;
  constexpr double kHeight = 240;
  double last = 1;
  double low = 1e300;
  double high = -1e300;
  for (const NamedCurve& curve : curves) {
    for (const auto& [step, value] : curve.points) {
      last = std::max(last, step);
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  if (low > high) return {};
  const double grid = round_step((high - low) / 4 + 1e-9);
  low = std::floor(low / grid) * grid;
  high = std::max(low + grid, std::ceil(high / grid) * grid);
  const auto x_of = [&](double step) { return kLeft + kWidth * step / last; };
  const auto y_of = [&](double value) { return kTop + kHeight * (high - value) / (high - low); };
  std::string svg = fmt::format(
      "<svg viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" role=\"img\"><title>{2}</title>\n",
      kLeft + kWidth + 20, kTop + kHeight + 44, html_escaped(title));
  for (double value = low; value <= high + grid / 2; value += grid) {
    svg += fmt::format(
        "<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
        "<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{:g}</text>\n",
        kLeft, kLeft + kWidth, y_of(value), y_of(value), kLeft - 8, y_of(value) + 4, std::round(value * 1e6) / 1e6);
  }
  for (const double share : {0.0, 0.25, 0.5, 0.75, 1.0}) {
    svg += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", x_of(share * last),
                       kTop + kHeight + 18, with_thousands(static_cast<std::uint64_t>(std::llround(share * last))));
  }
  svg += fmt::format("<text class=\"axis\" x=\"{:.1f}\" y=\"{:.1f}\">step</text>\n", kLeft, kTop + kHeight + 36);
  double legend = kLeft;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    if (curves[i].points.empty()) continue;
    svg += fmt::format(
        "<rect class=\"series{}\" x=\"{:.1f}\" y=\"8\" width=\"12\" height=\"12\"/><text x=\"{:.1f}\" "
        "y=\"18\">{}</text>\n",
        i, legend, legend + 18, html_escaped(curves[i].name));
    legend += 40 + 7.2 * static_cast<double>(curves[i].name.size());
    std::string points;
    for (const auto& [step, value] : curves[i].points) points += fmt::format("{:.1f},{:.1f} ", x_of(step), y_of(value));
    svg += fmt::format("<polyline class=\"line{}\" points=\"{}\"/>\n", i, points);
    if (curves[i].points.size() > 40) continue;
    for (const auto& [step, value] : curves[i].points) {
      svg += fmt::format(
          "<circle class=\"series{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"><title>step {:.0f}: "
          "{:.4f}</title></circle>\n",
          i, x_of(step), y_of(value), step, value);
    }
  }
  return svg + "</svg>\n";
}

void append_table(std::string& out, const std::string& title,
                  const std::vector<std::pair<std::string, std::string>>& rows) {
  out += fmt::format("<h2>{}</h2>\n<div class=\"wide\"><table>\n", title);
  for (const auto& [name, value] : rows) {
    out += fmt::format("<tr><td>{}</td><td class=\"text\">{}</td></tr>\n", html_escaped(name), html_escaped(value));
  }
  out += "</table></div>\n";
}

std::vector<std::pair<std::string, std::string>> rows_of(const std::map<std::string, double>& metrics) {
  std::vector<std::pair<std::string, std::string>> rows;
  for (const auto& [name, value] : metrics) rows.emplace_back(name, fmt::format("{:.4f}", value));
  return rows;
}

}  // namespace

Result<std::string> train_html(const train::BaseModel& base, const TrainArguments& arguments,
                               const TrainOptions& options, const TrainReport& report,
                               const std::vector<std::string>& metrics) {
  VALENCE_TRY(const auto curves, curves_of(metrics));
  const auto named = [&](const char* name) {
    const auto found = curves.find(name);
    return NamedCurve{name, found == curves.end() ? Curve() : found->second};
  };
  const std::string name = std::filesystem::path(arguments.output_dir).filename().string();
  std::string out(html_head());
  out += fmt::format("<title>{0}</title>\n</head>\n<body>\n<h1>{0}</h1>\n<p>{1} from {2}, by valence train</p>\n",
                     html_escaped(name), html_escaped(base.spec.model_type), html_escaped(arguments.model));
  out += "<h2>Loss</h2>\n" +
         picture("Loss of the batches learned from, and of the rows kept out", {named("loss"), named("eval_loss")});
  const std::string scores = picture("Scores of the rows kept out", {named("eval_accuracy"), named("eval_f1")});
  if (!scores.empty()) out += "<h2>On rows kept out</h2>\n" + scores;
  if (!report.best.empty()) append_table(out, "The best evaluation", rows_of(report.best));
  std::vector<std::pair<std::string, std::string>> labels;
  for (std::size_t i = 0; i < std::min(report.label_counts.size(), base.spec.head.labels.size()); ++i) {
    labels.emplace_back(base.spec.head.labels[i], with_thousands(report.label_counts[i]));
  }
  append_table(out, "Rows learned from, by label", labels);
  append_table(out, "Settings", train::fingerprint(options.training));
  return out + "</body>\n</html>\n";
}

}  // namespace valence::cli
