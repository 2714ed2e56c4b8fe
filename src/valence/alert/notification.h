/// \file
/// What is to be said to a receiver: which alerts of a stream fire, and which have ended.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "valence/alert/detector.h"
#include "valence/alert/rule.h"

namespace valence::alert {

/// One alert as a message tells it.
struct AlertItem {
  Rule rule;
  std::string stream;
  std::string channel;
  bool firing = true;
  std::int64_t since_ms = 0;  ///< when it fired, Unix time
  std::int64_t ended_ms = 0;  ///< when it resolved; 0 while it fires
  Reading reading;
  std::vector<std::string> examples = {};  ///< newest last, at most rule.examples

  /// "High negative feedback: 14/100 in last batch": what happened, in one line.
  [[nodiscard]] std::string headline() const;
  /// The numbers behind it, and the trend.
  [[nodiscard]] std::string detail() const;
};

struct Notification {
  std::string id;  ///< the same however often it is sent
  std::string receiver;
  std::string stream;
  std::int64_t created_ms = 0;
  bool is_repeat = false;
  std::vector<AlertItem> items = {};  ///< at most kMaxItems, firing ones first
  std::uint64_t more = 0;             ///< alerts beyond those

  [[nodiscard]] bool is_firing() const { return !items.empty() && items.front().firing; }
};

inline constexpr std::size_t kMaxItems = 20;

}  // namespace valence::alert
