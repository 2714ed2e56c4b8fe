#include "valence/store/trend_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

namespace valence::store {
namespace {

/// Far beyond what a page can show; a wrong clock must not make a report of a million months.
constexpr std::size_t kMaxPeriods = 20'000;

std::string lower(std::string_view text) {
  std::string low(text);
  for (char& c : low) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  return low;
}

double share_of(std::uint64_t hits, std::uint64_t texts) {
  return texts == 0 ? 0 : static_cast<double>(hits) / static_cast<double>(texts);
}

/// Two-sided, of equal shares.
double two_proportions_p(const PeriodFigures& before, const PeriodFigures& now) {
  const auto n0 = static_cast<double>(before.texts);
  const auto n1 = static_cast<double>(now.texts);
  const double pooled = static_cast<double>(before.hits + now.hits) / (n0 + n1);
  const double deviation = std::sqrt(pooled * (1 - pooled) * (1 / n0 + 1 / n1));
  if (deviation == 0) return 1;
  return std::erfc(std::abs(now.share - before.share) / deviation / std::sqrt(2.0));
}

void compare_with_before(std::vector<PeriodFigures>& periods) {
  for (std::size_t i = 1; i < periods.size(); ++i) {
    if (periods[i].texts == 0 || periods[i - 1].texts == 0) continue;
    periods[i].change = periods[i].share - periods[i - 1].share;
    periods[i].p_value = two_proportions_p(periods[i - 1], periods[i]);
  }
}

Result<std::vector<PeriodFigures>> periods_of(const Trend& trend, std::size_t followed) {
  std::vector<PeriodFigures> periods;
  for (const TrendPoint& point : trend.points) {
    while (periods.empty() || periods.back().from_ms < point.from_ms) {
      if (periods.size() == kMaxPeriods) {
        return fail(ErrorCode::kInvalidArgument, "history",
                    fmt::format("has records over more than {} {}s", kMaxPeriods, name_of(trend.bucket)),
                    "narrow the period with --from and --to, or take a wider --bucket");
      }
      const std::int64_t from_ms = periods.empty() ? point.from_ms : next_bucket(trend.bucket, periods.back().from_ms);
      periods.push_back({.from_ms = from_ms, .labels = std::vector<LabelCount>(trend.labels.size())});
    }
    PeriodFigures& period = periods.back();
    for (std::size_t label = 0; label < point.labels.size(); ++label) {
      period.labels[label].texts += point.labels[label].texts;
      period.labels[label].score_sum += point.labels[label].score_sum;
      period.texts += point.labels[label].texts;
    }
  }
  for (PeriodFigures& period : periods) {
    period.hits = period.labels[followed].texts;
    period.share = share_of(period.hits, period.texts);
    period.interval = wilson_interval(period.hits, period.texts);
  }
  compare_with_before(periods);
  return periods;
}

/// By stream, or by stream and channel.
std::vector<Driver> drivers_of(const Trend& trend, std::size_t followed, const PeriodFigures& before,
                               const PeriodFigures& now, bool by_channel) {
  std::map<std::pair<std::string, std::string>, Driver> groups;
  for (const TrendPoint& point : trend.points) {
    if (point.from_ms != before.from_ms && point.from_ms != now.from_ms) continue;
    Driver& driver = groups[{point.stream, by_channel ? point.channel : ""}];
    driver.stream = point.stream;
    if (by_channel) driver.channel = point.channel;
    const bool is_now = point.from_ms == now.from_ms;
    (is_now ? driver.texts : driver.texts_before) += point.total().texts;
    (is_now ? driver.hits : driver.hits_before) += point.labels[followed].texts;
  }
  std::vector<Driver> drivers;
  for (auto& [key, driver] : groups) {
    const auto pull = [&](std::uint64_t hits, std::uint64_t texts, std::uint64_t all) {
      return (static_cast<double>(hits) - before.share * static_cast<double>(texts)) / static_cast<double>(all);
    };
    driver.contribution =
        pull(driver.hits, driver.texts, now.texts) - pull(driver.hits_before, driver.texts_before, before.texts);
    drivers.push_back(std::move(driver));
  }
  std::ranges::stable_sort(
      drivers, [](const Driver& a, const Driver& b) { return std::abs(a.contribution) > std::abs(b.contribution); });
  return drivers;
}

Status add_words(HistoryStore& store, const TrendReportRequest& request, TrendReport& report) {
  HistoryFilter filter{.stream = request.stream, .channel = request.channel, .label = report.label};
  const auto count = [&](std::int64_t from_ms, WordCounts& counts) {
    filter.from_ms = from_ms;
    filter.to_ms = next_bucket(report.bucket, from_ms);
    return count_words(store, filter, request.max_texts, counts);
  };
  WordCounts now;
  WordCounts before;
  VALENCE_TRY(const bool more_now, count(report.periods.back().from_ms, now));
  VALENCE_TRY(const bool more_before, count(report.periods[report.periods.size() - 2].from_ms, before));
  report.words_are_sample = more_now || more_before;
  report.word_texts = now.texts();
  if (before.texts() > 0) report.new_words = typical_words(now, before, request.words);
  std::erase_if(report.new_words, [](const WordScore& word) { return word.score < kNotableWordScore; });
  return {};
}

}  // namespace

std::optional<std::string> negative_label(const std::vector<std::string>& labels) {
  for (const std::string_view wanted : {"negative", "neg", "1 star"}) {
    const auto found = std::ranges::find_if(labels, [&](const std::string& label) { return lower(label) == wanted; });
    if (found != labels.end()) return *found;
  }
  return std::nullopt;
}

Result<TrendReport> make_trend_report(HistoryStore& store, const TrendReportRequest& request) {
  VALENCE_TRY(const Trend trend, store.trend({.bucket = request.bucket,
                                              .from_ms = request.from_ms,
                                              .to_ms = request.to_ms,
                                              .stream = request.stream,
                                              .channel = request.channel,
                                              .by_stream = true,
                                              .by_channel = true}));
  if (trend.points.empty()) {
    return fail(ErrorCode::kNotFound, "history", "has no records of that period, stream and channel");
  }
  TrendReport report;
  report.bucket = request.bucket;
  report.label = request.label;
  report.labels = trend.labels;
  if (report.label.empty()) {
    const auto negative = negative_label(trend.labels);
    if (!negative) {
      return fail(ErrorCode::kNotFound, "history", "none of its labels is called negative",
                  fmt::format("name the one to follow with --label, one of: {}", fmt::join(trend.labels, ", ")));
    }
    report.label = *negative;
  }
  const auto followed = std::ranges::find(trend.labels, report.label);
  if (followed == trend.labels.end()) {
    return fail(ErrorCode::kNotFound, "history", fmt::format("has no record labelled {}", report.label),
                fmt::format("its labels are: {}", fmt::join(trend.labels, ", ")));
  }
  const auto index = static_cast<std::size_t>(followed - trend.labels.begin());
  VALENCE_TRY(report.periods, periods_of(trend, index));
  if (report.periods.size() < 2) return report;
  const PeriodFigures& now = report.periods.back();
  const PeriodFigures& before = report.periods[report.periods.size() - 2];
  if (now.texts == 0 || before.texts == 0) return report;
  report.streams = drivers_of(trend, index, before, now, false);
  report.channels = drivers_of(trend, index, before, now, true);
  VALENCE_TRY_STATUS(add_words(store, request, report));
  return report;
}

}  // namespace valence::store
