/// \file
/// What a state file says, for those who look at it from outside the program that alerts.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "valence/alert/alert_book.h"
#include "valence/alert/state_journal.h"

namespace valence::alert {

struct SavedNotification {
  std::string id;
  std::string receiver;
  std::string state;  ///< "about to send", "sent" or "failed"
  std::string why;    ///< of a failed one
  std::int64_t created_ms = 0;
};

struct SavedState {
  std::vector<SavedNotification> notifications;  ///< oldest first
  std::map<std::string, std::string> disabled;   ///< receivers that are no more, and why
};

/// Gives the journal's alerts, groups and silences to `book`, and returns the rest. Errors: values that are not ours.
Result<SavedState> restore_all(const StateJournal& journal, AlertBook& book);

/// The id of the next silence or notification: 32 hexadecimal digits that nobody can guess. Thread-safe.
[[nodiscard]] std::string random_id();

/// How keys of the journal begin that are not the book's.
inline constexpr std::string_view kNotificationKey = "notification\x1f";
inline constexpr std::string_view kReceiverKey = "receiver\x1f";

}  // namespace valence::alert
