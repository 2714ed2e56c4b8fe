/// \file
/// What an operator wants to be told about: one rule over the labels of a stream.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/alert/share.h"
#include "valence/base/error.h"

namespace valence::alert {

enum class RuleKind {
  kRatio,     ///< more than a fixed share of a window
  kBaseline,  ///< above what is usual, with a chosen rate of false alarms
  kChange,    ///< the usual share has moved, up or down; the new one becomes usual
};

inline constexpr std::uint64_t kMaxWindowTexts = 1'000'000;
inline constexpr std::int64_t kMaxWindowMs = std::int64_t{31} * 24 * 3'600'000;
inline constexpr std::uint64_t kMinFalseAlarmTexts = 2'000;  ///< below it the time an alarm lasts would count
inline constexpr std::uint64_t kMaxFalseAlarmTexts = 100'000'000;
inline constexpr std::uint64_t kMinLearnTexts = 1'000;

struct Rule {
  std::string name;  ///< unique; the line itself where none was given
  RuleKind kind = RuleKind::kRatio;
  std::vector<std::string> labels = {};  ///< each of them is a hit; case of ASCII letters does not matter
  std::string stream = {};               ///< only this one; empty: every stream, each by itself
  bool per_channel = false;              ///< each channel of a stream by itself

  Share limit{10, 100};  ///< kRatio: fires when hits / count is above, not when it is equal
  std::optional<Share> clear_limit =
      {};                          ///< kRatio: resolves when hits / count is not above it; `limit` where not given
  std::uint64_t window_texts = 0;  ///< kRatio: over the last so many texts, or
  std::int64_t window_ms = 0;      ///< over the last so long; exactly one of the two
  std::uint64_t min_texts = 0;     ///< judged from so many on; 0: a window of texts when it is full, of time always

  std::optional<Share> usual = {};           ///< kBaseline, kChange: given rather than learned
  std::uint64_t learn_texts = 5'000;         ///< from so many first texts
  std::uint64_t false_alarm_texts = 50'000;  ///< one false alarm in so many texts, on average

  std::int64_t for_ms = 0;       ///< above for so long before it fires
  std::int64_t cooldown_ms = 0;  ///< after it resolved, quiet for so long
  unsigned examples = 0;         ///< texts quoted in a message, at most kMaxExamples
  std::vector<std::string> receivers = {};

  [[nodiscard]] bool watches(std::string_view label) const;
  /// What the rule says, in one line: "negative > 10 % of the last 100 texts".
  [[nodiscard]] std::string condition() const;
};

inline constexpr unsigned kMaxExamples = 10;

/// Contradictions and figures beyond their bounds. Errors (kInvalidArgument) name the rule and the field.
Status check_rule(const Rule& rule);

/// "30s", "15m", "2h", "7d" as milliseconds; nothing when it is no such duration or longer than kMaxWindowMs.
[[nodiscard]] std::optional<std::int64_t> parse_duration_ms(std::string_view text);
/// The other way, in the largest unit that divides it.
[[nodiscard]] std::string duration_text(std::int64_t ms);

}  // namespace valence::alert
