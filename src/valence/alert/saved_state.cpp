#include "valence/alert/saved_state.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>

#include "valence/base/json.h"
#include "valence/base/siphash.h"

namespace valence::alert {

Result<SavedState> restore_all(const StateJournal& journal, AlertBook& book) {
  SavedState state;
  for (const auto& [key, value] : journal.values()) {
    const std::string_view name(key);
    if (name.starts_with(kNotificationKey)) {
      VALENCE_TRY(const Json json, Json::parse(value, key, kBodyLimits));
      SavedNotification& notification = state.notifications.emplace_back();
      notification.id = name.substr(kNotificationKey.size());
      VALENCE_TRY(notification.state, json.string("state"));
      VALENCE_TRY(notification.receiver, json.string("receiver"));
      VALENCE_TRY(notification.created_ms, json.integer("created"));
      VALENCE_TRY(notification.why, json.string_or("why", ""));
    } else if (name.starts_with(kReceiverKey)) {
      VALENCE_TRY(const Json json, Json::parse(value, key));
      VALENCE_TRY(state.disabled[std::string(name.substr(kReceiverKey.size()))], json.string("disabled"));
    } else {
      VALENCE_TRY_STATUS(book.restore({key, value}));
    }
  }
  std::ranges::sort(state.notifications, {}, &SavedNotification::created_ms);
  return state;
}

std::string random_id() {
  static std::atomic<std::uint64_t> counter = 0;
  const Hash128 hash = siphash128(fmt::format("alert {}", counter++), SipHashKey::random());
  return fmt::format("{:016x}{:016x}", hash.high, hash.low);
}

}  // namespace valence::alert
