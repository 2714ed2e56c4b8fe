/// \file
/// The trend report as a page.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "valence/cli/history_report.h"
#include "valence/cli/html_page.h"
#include "valence/cli/html_text.h"
#include "valence/cli/progress.h"

namespace valence::cli {
namespace {

constexpr std::size_t kDriverRows = 8;
constexpr double kLeft = 48;
constexpr double kWidth = 880;
constexpr double kHeight = 240;
constexpr double kBottom = 40;

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

/// A round step that cuts `top` into about five.
double grid_step(double top) {
  for (const double step : {0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2}) {
    if (top / step <= 5.5) return step;
  }
  return 0.25;
}

/// Where things lie in the picture of the share.
class Scale {
 public:
  explicit Scale(const store::TrendReport& report) : periods_(report.periods.size()) {
    double highest = 0.01;
    for (const auto& period : report.periods) {
      if (period.texts > 0) highest = std::max(highest, period.interval.high);
    }
    step_ = grid_step(highest);
    top_ = std::min(1.0, step_ * std::ceil(highest / step_));
  }
  [[nodiscard]] double x(std::size_t period) const {
    const double room = kWidth - kLeft - 12;
    return periods_ < 2 ? kLeft + room / 2
                        : kLeft + room * static_cast<double>(period) / static_cast<double>(periods_ - 1);
  }
  [[nodiscard]] double y(double share) const { return 12 + (kHeight - kBottom - 12) * (1 - share / top_); }
  [[nodiscard]] double step() const { return step_; }
  [[nodiscard]] double top() const { return top_; }

 private:
  std::size_t periods_;
  double top_ = 1;
  double step_ = 0.1;
};

/// Band and line of each stretch without gaps.
void append_stretch(std::string& svg, const store::TrendReport& report, const Scale& scale, std::size_t begin,
                    std::size_t end) {
  std::string band;
  std::string line;
  for (std::size_t i = begin; i < end; ++i) {
    band += fmt::format("{:.1f},{:.1f} ", scale.x(i), scale.y(report.periods[i].interval.high));
    line += fmt::format("{:.1f},{:.1f} ", scale.x(i), scale.y(report.periods[i].share));
  }
  for (std::size_t i = end; i-- > begin;) {
    band += fmt::format("{:.1f},{:.1f} ", scale.x(i), scale.y(report.periods[i].interval.low));
  }
  svg += fmt::format("<polygon class=\"wrong\" opacity=\"0.2\" points=\"{}\"/>\n", band);
  svg += fmt::format("<polyline class=\"line1\" points=\"{}\"/>\n", line);
}

std::string share_picture(const store::TrendReport& report) {
  const Scale scale(report);
  std::string svg = fmt::format(
      "<svg viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" height=\"{1:.0f}\" role=\"img\"><title>Share of {2} by "
      "{3}, "
      "with 95 % confidence band; the table below has the figures</title>\n",
      kWidth, kHeight, html_escaped(report.label), name_of(report.bucket));
  for (double share = 0; share <= scale.top() + 1e-9; share += scale.step()) {
    svg += fmt::format("<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", kLeft,
                       kWidth - 12, scale.y(share), scale.y(share));
    svg += fmt::format("<text class=\"axis\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"end\">{:.4g} %</text>\n",
                       kLeft - 6, scale.y(share) + 4, 100 * share);
  }
  const auto& periods = report.periods;
  for (std::size_t begin = 0; begin < periods.size();) {
    std::size_t end = begin;
    while (end < periods.size() && periods[end].texts > 0) ++end;
    if (end > begin) append_stretch(svg, report, scale, begin, end);
    begin = end + 1;
  }
  const bool single_marks = periods.size() <= 120;
  for (std::size_t i = 0; i < periods.size() && single_marks; ++i) {
    if (periods[i].texts == 0) continue;
    const bool notable = periods[i].change && periods[i].p_value < store::kNotableP;
    svg += fmt::format(
        "<circle class=\"wrong\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{}\"><title>{}: {} of {} texts, 95 % {} to "
        "{}{}</title>"
        "</circle>\n",
        scale.x(i), scale.y(periods[i].share), notable ? 5 : 3, store::bucket_name(report.bucket, periods[i].from_ms),
        percent(periods[i].share), with_thousands(periods[i].texts), percent(periods[i].interval.low),
        percent(periods[i].interval.high), notable ? "; a change beyond chance" : "");
  }
  const std::size_t every = (periods.size() + 11) / 12;
  for (std::size_t i = 0; i < periods.size(); i += every) {
    svg += fmt::format("<text class=\"axis\" x=\"{:.1f}\" y=\"{:.1f}\" text-anchor=\"middle\">{}</text>\n", scale.x(i),
                       kHeight - kBottom + 20, store::bucket_name(report.bucket, periods[i].from_ms));
  }
  return svg + "</svg>\n";
}

void append_card(std::string& out, std::string_view title, std::string_view value, std::string_view note) {
  out += fmt::format("<div class=\"card\"><span class=\"soft\">{}</span><b>{}</b><span class=\"soft\">{}</span></div>",
                     html_escaped(title), html_escaped(value), html_escaped(note));
}

void append_cards(std::string& out, const store::TrendReport& report) {
  const auto& last = report.periods.back();
  std::uint64_t texts = 0;
  for (const auto& period : report.periods) texts += period.texts;
  out += "<div class=\"cards\">";
  append_card(out, fmt::format("{} in {}", report.label, store::bucket_name(report.bucket, last.from_ms)),
              percent(last.share), fmt::format("{} to {}", percent(last.interval.low), percent(last.interval.high)));
  if (last.change) {
    append_card(out, fmt::format("change to the {} before", name_of(report.bucket)),
                fmt::format("{:+.1f} points", 100 * *last.change),
                last.p_value < store::kNotableP ? fmt::format("p = {:.2g}", last.p_value) : "may be chance");
  }
  append_card(out, "texts in the period", with_thousands(last.texts), "");
  append_card(out, "texts in all", with_thousands(texts),
              fmt::format("{} {}s", report.periods.size(), name_of(report.bucket)));
  out += "</div>\n";
}

void append_drivers(std::string& out, const std::vector<store::Driver>& drivers, std::string_view kind) {
  if (drivers.size() < 2) return;
  out += fmt::format(
      "<h2>What moved it: {}</h2>\n<p>Points that each added to the change since the {} before; all together are the "
      "change.</p>\n<div class=\"wide\"><table><tr><th>{}</th><th>before</th><th>now</th><th>texts before</th>"
      "<th>texts now</th><th>points</th></tr>\n",
      kind, "period", kind);
  for (std::size_t i = 0; i < std::min(drivers.size(), kDriverRows); ++i) {
    const auto& driver = drivers[i];
    const auto share = [](std::uint64_t hits, std::uint64_t texts) {
      return texts == 0 ? std::string("–") : percent(static_cast<double>(hits) / static_cast<double>(texts));
    };
    const std::string name = driver.channel.empty() ? driver.stream : driver.stream + " / " + driver.channel;
    out += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{:+.2f}</td></tr>\n",
                       html_escaped(name), share(driver.hits_before, driver.texts_before),
                       share(driver.hits, driver.texts), with_thousands(driver.texts_before),
                       with_thousands(driver.texts), 100 * driver.contribution);
  }
  if (drivers.size() > kDriverRows) {
    out += fmt::format("<tr><td class=\"soft\">and {} more</td></tr>\n", drivers.size() - kDriverRows);
  }
  out += "</table></div>\n";
}

void append_words(std::string& out, const store::TrendReport& report) {
  if (report.periods.size() < 2) return;
  out += "<h2>Words more typical of it now</h2>\n";
  if (report.new_words.empty()) {
    out += report.word_texts == 0 ? "<p>Texts are not stored (--store-text full keeps them).</p>\n"
                                  : "<p>None stands out.</p>\n";
    return;
  }
  out += fmt::format(
      "<p>Of texts labelled {} in the last {} against those of the one before{}: in how many texts each stands, and "
      "its "
      "log-odds in standard deviations.</p>\n<div class=\"wide\"><table><tr><th>word</th><th>texts now</th>"
      "<th>texts before</th><th>score</th></tr>\n",
      html_escaped(report.label), name_of(report.bucket), report.words_are_sample ? " (the newest of each)" : "");
  for (const auto& word : report.new_words) {
    out += fmt::format("<tr><td>{}</td><td>{}</td><td>{}</td><td>{:.1f}</td></tr>\n", html_escaped(word.word),
                       with_thousands(word.texts), with_thousands(word.rest_texts), word.score);
  }
  out += "</table></div>\n";
}

void append_periods(std::string& out, const store::TrendReport& report) {
  out += fmt::format("<h2>By {}</h2>\n<div class=\"wide\"><table><tr><th>{}</th><th>texts</th>", name_of(report.bucket),
                     name_of(report.bucket));
  for (const auto& label : report.labels) out += fmt::format("<th>{}</th>", html_escaped(label));
  out += fmt::format("<th>share of {}</th><th>95 % interval</th><th>change, points</th></tr>\n",
                     html_escaped(report.label));
  for (std::size_t i = report.periods.size(); i-- > 0;) {
    const auto& period = report.periods[i];
    out += fmt::format("<tr><td>{}</td><td>{}</td>", store::bucket_name(report.bucket, period.from_ms),
                       with_thousands(period.texts));
    for (const auto& label : period.labels) out += fmt::format("<td>{}</td>", with_thousands(label.texts));
    if (period.texts == 0) {
      out += "<td></td><td></td><td></td></tr>\n";
      continue;
    }
    const bool notable = period.change && period.p_value < store::kNotableP;
    out += fmt::format("<td>{}</td><td>{:.1f} to {:.1f}</td><td{}>{}</td></tr>\n", percent(period.share),
                       100 * period.interval.low, 100 * period.interval.high, notable ? " class=\"missed\"" : "",
                       period.change ? fmt::format("{:+.1f}{}", 100 * *period.change, notable ? " *" : "") : "");
  }
  out += fmt::format("</table></div>\n<p>* a change with p &lt; {}. Intervals are Wilson's. Times are UTC.</p>\n",
                     store::kNotableP);
}

}  // namespace

std::string report_html(const store::TrendReport& report, const ReportHeading& heading) {
  std::string out(html_head());
  out += fmt::format("<title>Trend of {}</title>\n</head>\n<body>\n<h1>Trend of {}</h1>\n", html_escaped(report.label),
                     html_escaped(report.label));
  out += fmt::format("<p>{}{}{} · made {}</p>\n", html_escaped(heading.place), heading.scope.empty() ? "" : " · ",
                     html_escaped(heading.scope), html_escaped(heading.made));
  append_cards(out, report);
  out += "<div class=\"wide\">" + share_picture(report) + "</div>\n";
  out += fmt::format("<p>{}</p>\n", html_escaped(report_sentence(report)));
  append_drivers(out, report.streams, "streams");
  append_drivers(out, report.channels, "channels");
  append_words(out, report);
  append_periods(out, report);
  return out + "</body>\n</html>\n";
}

}  // namespace valence::cli
