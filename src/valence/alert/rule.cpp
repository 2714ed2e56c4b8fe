#include "valence/alert/rule.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace valence::alert {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

struct Unit {
  char letter;
  std::int64_t ms;
};
constexpr std::array kUnits{Unit{'d', 86'400'000}, Unit{'h', 3'600'000}, Unit{'m', 60'000}, Unit{'s', 1'000}};

tl::unexpected<Error> refuse(const Rule& rule, std::string what, std::string hint) {
  return fail(ErrorCode::kInvalidArgument, fmt::format("alert rule \"{}\"", rule.name), std::move(what),
              std::move(hint));
}

Status check_ratio(const Rule& rule) {
  if ((rule.window_texts > 0) == (rule.window_ms > 0))
    return refuse(rule, "has no window, or two", "say over the last how many texts, or over how long");
  if (rule.window_texts > kMaxWindowTexts)
    return refuse(rule, fmt::format("looks at the last {} texts", rule.window_texts),
                  fmt::format("at most {}", kMaxWindowTexts));
  if (rule.window_ms > kMaxWindowMs)
    return refuse(rule, "looks at a longer time than is kept", fmt::format("at most {}", duration_text(kMaxWindowMs)));
  if (rule.window_texts > 0 && rule.min_texts > rule.window_texts)
    return refuse(rule, fmt::format("wants {} texts of a window of {}", rule.min_texts, rule.window_texts),
                  "lower the minimum, or widen the window");
  if (rule.clear_limit && rule.clear_limit->value() > rule.limit.value())
    return refuse(
        rule, fmt::format("clears at {}, above its limit of {}", rule.clear_limit->to_string(), rule.limit.to_string()),
        "clear at or below the limit");
  if (rule.limit.numerator == rule.limit.denominator)
    return refuse(rule, "can never fire: no share is above 100 %", "lower the limit");
  return {};
}

Status check_shift(const Rule& rule) {
  if (rule.false_alarm_texts < kMinFalseAlarmTexts || rule.false_alarm_texts > kMaxFalseAlarmTexts)
    return refuse(rule, fmt::format("asks for one false alarm in {} texts", rule.false_alarm_texts),
                  fmt::format("choose {} to {}", kMinFalseAlarmTexts, kMaxFalseAlarmTexts));
  if (!rule.usual && rule.learn_texts < kMinLearnTexts)
    return refuse(rule, fmt::format("learns from {} texts", rule.learn_texts),
                  fmt::format("at least {}, or give the usual share", kMinLearnTexts));
  if (rule.usual && (rule.usual->numerator == 0 || rule.usual->numerator == rule.usual->denominator))
    return refuse(rule, fmt::format("takes {} for usual", rule.usual->to_string()),
                  "give a share between 0 % and 100 %, both excluded");
  return {};
}

}  // namespace

bool Rule::watches(std::string_view label) const {
  return std::ranges::any_of(labels,
                             [&](const std::string& own) { return std::ranges::equal(own, label, {}, lower, lower); });
}

std::string Rule::condition() const {
  const std::string what = fmt::format("{}", fmt::join(labels, " or "));
  const std::string known = usual ? usual->to_string() : "usual";
  switch (kind) {
    case RuleKind::kRatio:
      return fmt::format("{} > {} of the last {}", what, limit.to_string(),
                         window_texts > 0 ? fmt::format("{} texts", window_texts) : duration_text(window_ms));
    case RuleKind::kBaseline:
      return fmt::format("{} above {}, one false alarm in {} texts", what, known, false_alarm_texts);
    case RuleKind::kChange:
      return fmt::format("{} changes from {}, one false alarm in {} texts", what, known, false_alarm_texts);
  }
  return what;
}

Status check_rule(const Rule& rule) {
  if (rule.labels.empty()) return refuse(rule, "watches no label", "name one, e.g. negative");
  if (rule.receivers.empty()) return refuse(rule, "tells nobody", "name a receiver: -> slack");
  if (rule.examples > kMaxExamples)
    return refuse(rule, fmt::format("quotes {} texts", rule.examples), fmt::format("at most {}", kMaxExamples));
  return rule.kind == RuleKind::kRatio ? check_ratio(rule) : check_shift(rule);
}

std::optional<std::int64_t> parse_duration_ms(std::string_view text) {
  std::int64_t count = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (failed != std::errc() || count <= 0 || end + 1 != text.data() + text.size()) return std::nullopt;
  const auto unit = std::ranges::find(kUnits, *end, &Unit::letter);
  if (unit == kUnits.end() || count > kMaxWindowMs / unit->ms) return std::nullopt;
  return count * unit->ms;
}

std::string duration_text(std::int64_t ms) {
  for (const Unit& unit : kUnits) {
    if (ms != 0 && ms % unit.ms == 0) return fmt::format("{}{}", ms / unit.ms, unit.letter);
  }
  return fmt::format("{}ms", ms);
}

}  // namespace valence::alert
