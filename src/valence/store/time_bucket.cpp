#include "valence/store/time_bucket.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>
#include <utility>

#include "valence/base/take_text.h"

namespace valence::store {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using Millis = std::chrono::sys_time<std::chrono::milliseconds>;

constexpr std::int64_t kMinuteMs = 60'000;
constexpr std::int64_t kHourMs = 60 * kMinuteMs;
constexpr std::int64_t kDayMs = 24 * kHourMs;

constexpr std::array<std::pair<std::string_view, TimeBucket>, 5> kNames{{{"minute", TimeBucket::kMinute},
                                                                         {"hour", TimeBucket::kHour},
                                                                         {"day", TimeBucket::kDay},
                                                                         {"week", TimeBucket::kWeek},
                                                                         {"month", TimeBucket::kMonth}}};

Millis at(std::int64_t time_ms) { return Millis(std::chrono::milliseconds(time_ms)); }
std::int64_t ms_of(sys_days day) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(day.time_since_epoch()).count();
}
sys_days day_of(std::int64_t time_ms) { return std::chrono::floor<days>(at(time_ms)); }

std::int64_t floor_to(std::int64_t time_ms, std::int64_t step_ms) {
  const std::int64_t remainder = time_ms % step_ms;
  return time_ms - (remainder < 0 ? remainder + step_ms : remainder);
}

/// "23:59[:59[.123]]" in milliseconds.
std::optional<std::int64_t> take_time_of_day(std::string_view& text) {
  const auto hour = take_digits(text, 2);
  if (!hour || *hour > 23 || !take(text, ':')) return std::nullopt;
  const auto minute = take_digits(text, 2);
  if (!minute || *minute > 59) return std::nullopt;
  std::int64_t time_ms = *hour * kHourMs + *minute * kMinuteMs;
  if (!take(text, ':')) return time_ms;
  const auto second = take_digits(text, 2);
  if (!second || *second > 59) return std::nullopt;
  time_ms += *second * 1000;
  if (!take(text, '.')) return time_ms;
  int scale = 100;
  bool any = false;
  while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
    time_ms += (text.front() - '0') * scale;
    scale /= 10;  // what is finer than a millisecond is dropped
    any = true;
    text.remove_prefix(1);
  }
  return any ? std::optional(time_ms) : std::nullopt;
}

/// "Z" or "+hh:mm" at the end; how far the zone is ahead of UTC.
std::optional<std::int64_t> zone_of(std::string_view text) {
  if (text.empty() || text == "Z" || text == "z") return 0;
  const bool behind = text.front() == '-';
  if (!take(text, '+') && !take(text, '-')) return std::nullopt;
  const auto hour = take_digits(text, 2);
  take(text, ':');
  const auto minute = take_digits(text, 2);
  if (!hour || !minute || *hour > 23 || *minute > 59 || !text.empty()) return std::nullopt;
  const std::int64_t ahead_ms = *hour * kHourMs + *minute * kMinuteMs;
  return behind ? -ahead_ms : ahead_ms;
}

std::optional<std::int64_t> parse_calendar(std::string_view text) {
  const auto year = take_digits(text, 4);
  if (!year || *year < 1970 || !take(text, '-')) return std::nullopt;
  const auto month = take_digits(text, 2);
  if (!month) return std::nullopt;
  unsigned day = 1;
  const bool has_day = take(text, '-');
  if (has_day) {
    const auto given = take_digits(text, 2);
    if (!given) return std::nullopt;
    day = static_cast<unsigned>(*given);
  }
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(day)};
  if (!date.ok()) return std::nullopt;
  const std::int64_t midnight = ms_of(sys_days(date));
  if (text.empty()) return midnight;
  if (!has_day || (!take(text, 'T') && !take(text, 't') && !take(text, ' '))) return std::nullopt;
  const auto time_ms = take_time_of_day(text);
  const auto zone_ms = zone_of(text);
  if (!time_ms || !zone_ms) return std::nullopt;
  return midnight + *time_ms - *zone_ms;
}

}  // namespace

std::optional<TimeBucket> parse_time_bucket(std::string_view word) {
  for (const auto& [name, bucket] : kNames) {
    if (name == word) return bucket;
  }
  return std::nullopt;
}

std::string_view name_of(TimeBucket bucket) { return kNames[static_cast<std::size_t>(bucket)].first; }

std::int64_t bucket_begin(TimeBucket bucket, std::int64_t time_ms) {
  switch (bucket) {
    case TimeBucket::kMinute:
      return floor_to(time_ms, kMinuteMs);
    case TimeBucket::kHour:
      return floor_to(time_ms, kHourMs);
    case TimeBucket::kDay:
      return floor_to(time_ms, kDayMs);
    case TimeBucket::kWeek: {
      const sys_days day = day_of(time_ms);
      return ms_of(day - (std::chrono::weekday(day) - std::chrono::Monday));
    }
    case TimeBucket::kMonth: {
      const std::chrono::year_month_day date(day_of(time_ms));
      return ms_of(sys_days(date.year() / date.month() / 1));
    }
  }
  return time_ms;
}

std::int64_t next_bucket(TimeBucket bucket, std::int64_t begin_ms) {
  switch (bucket) {
    case TimeBucket::kMinute:
      return begin_ms + kMinuteMs;
    case TimeBucket::kHour:
      return begin_ms + kHourMs;
    case TimeBucket::kDay:
      return begin_ms + kDayMs;
    case TimeBucket::kWeek:
      return begin_ms + 7 * kDayMs;
    case TimeBucket::kMonth: {
      const std::chrono::year_month_day date(day_of(begin_ms));
      return ms_of(sys_days((date.year() / date.month() + std::chrono::months(1)) / 1));
    }
  }
  return begin_ms;
}

std::string bucket_name(TimeBucket bucket, std::int64_t begin_ms) {
  const std::string whole = rfc3339_ms(begin_ms);  // "2026-01-31T23:59:59.123Z"
  switch (bucket) {
    case TimeBucket::kMinute:
    case TimeBucket::kHour:
      return whole.substr(0, 10) + ' ' + whole.substr(11, 5);
    case TimeBucket::kDay:
    case TimeBucket::kWeek:
      return whole.substr(0, 10);
    case TimeBucket::kMonth:
      return whole.substr(0, 7);
  }
  return whole;
}

std::string rfc3339_ms(std::int64_t time_ms) {
  const sys_days day = day_of(time_ms);
  const std::chrono::year_month_day date(day);
  const std::int64_t rest = time_ms - ms_of(day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), rest / kHourMs,
                     rest / kMinuteMs % 60, rest / 1000 % 60, rest % 1000);
}

std::optional<std::int64_t> parse_time_ms(std::string_view text) {
  constexpr std::int64_t kLastMs = 253'402'300'799'999;  // 9999-12-31T23:59:59.999Z
  constexpr std::size_t kYearDigits = 4;
  if (text.size() > kYearDigits && text.find_first_not_of("0123456789") == text.npos) {
    std::int64_t time_ms = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), time_ms);
    return failed == std::errc() && time_ms <= kLastMs ? std::optional(time_ms) : std::nullopt;
  }
  return parse_calendar(text);
}

}  // namespace valence::store
