#include "valence/cli/history_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "valence/cli/progress.h"
#include "valence/data/delimited_writer.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

constexpr std::size_t kBarColumns = 30;
constexpr std::size_t kDriverRows = 5;

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }
std::string points(double change) { return fmt::format("{:+.1f}", 100 * change); }

/// The share as a bar with its interval: "####--" up to the upper end.
std::string bar(const store::PeriodFigures& period, double widest, bool unicode) {
  if (period.texts == 0 || widest <= 0) return {};
  const auto columns = [&](double share) {
    return static_cast<std::size_t>(std::lround(share / widest * static_cast<double>(kBarColumns)));
  };
  const std::size_t sure = columns(period.interval.low);
  const std::size_t most = std::max(sure, columns(period.interval.high));
  std::string text;
  for (std::size_t i = 0; i < sure; ++i) text += unicode ? "█" : "#";
  for (std::size_t i = sure; i < most; ++i) text += unicode ? "░" : "-";
  return text;
}

std::string driver_name(const store::Driver& driver) {
  std::string name = data::shown(driver.stream, 20);
  if (!driver.channel.empty()) name += " / " + data::shown(driver.channel, 16);
  return name;
}

std::string drivers_text(const std::vector<store::Driver>& drivers, std::string_view title) {
  if (drivers.size() < 2) return {};  // one alone is the whole
  std::string text = fmt::format("\n{:<40} {:>9} {:>9} {:>9} {:>9}\n", title, "before", "now", "texts", "points");
  for (std::size_t i = 0; i < std::min(drivers.size(), kDriverRows); ++i) {
    const store::Driver& driver = drivers[i];
    const auto share = [](std::uint64_t hits, std::uint64_t texts) {
      return texts == 0 ? std::string("-") : percent(static_cast<double>(hits) / static_cast<double>(texts));
    };
    text += fmt::format("  {:<38} {:>9} {:>9} {:>9} {:>9}\n", driver_name(driver),
                        share(driver.hits_before, driver.texts_before), share(driver.hits, driver.texts),
                        with_thousands(driver.texts), points(driver.contribution));
  }
  return text;
}

}  // namespace

std::string report_sentence(const store::TrendReport& report) {
  const store::PeriodFigures& last = report.periods.back();
  std::string text = fmt::format(
      "{}: {} {} of {} texts (95 %: {} to {})", store::bucket_name(report.bucket, last.from_ms), percent(last.share),
      data::visible(report.label), with_thousands(last.texts), percent(last.interval.low), percent(last.interval.high));
  if (!last.change) return text;
  const store::PeriodFigures& before = report.periods[report.periods.size() - 2];
  text += fmt::format(", {:.1f} points {} than in {}", 100 * std::abs(*last.change), *last.change < 0 ? "less" : "more",
                      store::bucket_name(report.bucket, before.from_ms));
  return text + (last.p_value < store::kNotableP ? fmt::format(" (p = {:.2g})", last.p_value)
                                                 : std::string(", which may be chance"));
}

std::string report_table(const store::TrendReport& report, bool unicode) {
  double widest = 0;
  for (const auto& period : report.periods) widest = std::max(widest, period.texts == 0 ? 0 : period.interval.high);
  std::string text = fmt::format("{:<16} {:>10} {:>8} {:>17} {:>7}   {}\n", name_of(report.bucket), "texts", "share",
                                 "95 % interval", "change", data::shown(report.label, 20, unicode));
  for (const auto& period : report.periods) {
    const std::string name = store::bucket_name(report.bucket, period.from_ms);
    if (period.texts == 0) {
      text += fmt::format("{:<16} {:>10}\n", name, 0);
      continue;
    }
    text += fmt::format("{:<16} {:>10} {:>8} {:>17} {:>7} {} {}\n", name, with_thousands(period.texts),
                        percent(period.share),
                        fmt::format("{:.1f} to {:.1f}", 100 * period.interval.low, 100 * period.interval.high),
                        period.change ? points(*period.change) : "",
                        period.change && period.p_value < store::kNotableP ? "*" : " ", bar(period, widest, unicode));
  }
  text += fmt::format("\n{}\n* a change with p < {}\n", report_sentence(report), store::kNotableP);
  text += drivers_text(report.streams, "what moved it: streams");
  text += drivers_text(report.channels, "what moved it: channels");
  if (!report.new_words.empty()) {
    text += fmt::format("\nwords more typical of it now than before (texts now / before{}):\n",
                        report.words_are_sample ? ", of a sample" : "");
    for (const auto& word : report.new_words) {
      text += fmt::format("  {:<24} {:>7} / {}\n", data::shown(word.word, 24, unicode), with_thousands(word.texts),
                          with_thousands(word.rest_texts));
    }
  } else if (report.periods.size() > 1 && report.word_texts == 0) {
    text += "\nno words: texts are not stored (--store-text full)\n";
  }
  return text;
}

std::string report_csv(const store::TrendReport& report) {
  std::string text = "from,texts";
  for (const std::string& label : report.labels) {
    text += ',';
    data::append_cell(text, label + " texts", ',');
    text += ',';
    data::append_cell(text, label + " mean score", ',');
  }
  text += ',';
  data::append_cell(text, report.label + " share", ',');
  text += ",low,high,change,p_value\n";
  for (const auto& period : report.periods) {
    text += fmt::format("{},{}", store::bucket_name(report.bucket, period.from_ms), period.texts);
    for (const auto& label : period.labels) {
      text += fmt::format(",{},", label.texts);
      if (label.texts > 0) text += fmt::format("{:.6f}", label.mean_score());
    }
    if (period.texts > 0) {
      text += fmt::format(",{:.6f},{:.6f},{:.6f}", period.share, period.interval.low, period.interval.high);
    } else {
      text += ",,,";
    }
    text += period.change ? fmt::format(",{:.6f},{:.3g}\n", *period.change, period.p_value) : ",,\n";
  }
  return text;
}

}  // namespace valence::cli
