#include "valence/alert/notification.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace valence::alert {
namespace {

std::string percent(std::uint64_t hits, std::uint64_t count) {
  return count == 0 ? "no texts"
                    : fmt::format("{:.1f} %", 100.0 * static_cast<double>(hits) / static_cast<double>(count));
}

std::string usual_text(const Reading& reading) {
  if (!reading.usual) return "";
  std::string text = fmt::format("usual {:.1f} %", 100 * *reading.usual);
  if (reading.learned_texts > 0) text += fmt::format(", learned from {} texts", reading.learned_texts);
  return text;
}

}  // namespace

std::string AlertItem::headline() const {
  const std::string what = fmt::format("{}", fmt::join(rule.labels, " or "));
  const auto [count, hits] = reading.window;
  if (!firing) return fmt::format("Resolved: {} feedback is back, {}/{} in last batch", what, hits, count);
  switch (rule.kind) {
    case RuleKind::kRatio:
      return fmt::format("High {} feedback: {}/{} in last batch", what, hits, count);
    case RuleKind::kBaseline:
      return fmt::format("High {} feedback: {}/{} since it rose above usual", what, hits, count);
    case RuleKind::kChange:
      return fmt::format("Changed {} feedback: {}/{} since the change", what, hits, count);
  }
  return what;
}

std::string AlertItem::detail() const {
  const auto [count, hits] = reading.window;
  std::string text = fmt::format("{} of {} ({}", hits, count, percent(hits, count));
  if (rule.kind == RuleKind::kRatio) {
    text += fmt::format(", limit {})", rule.limit.to_string());
    if (reading.before.count > 0)
      text += fmt::format(
          "; the {} before: {}",
          rule.window_texts > 0 ? fmt::format("{} texts", reading.before.count) : duration_text(rule.window_ms),
          percent(reading.before.hits, reading.before.count));
  } else {
    const std::string usual = usual_text(reading);
    text += usual.empty() ? ")" : fmt::format("; {})", usual);
    text += fmt::format("; by chance once in {} texts", rule.false_alarm_texts);
  }
  return text;
}

}  // namespace valence::alert
