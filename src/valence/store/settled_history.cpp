#include "valence/store/settled_history.h"

#include <utility>

namespace valence::store {
namespace {

// A store that works has everything in a fraction of it.
constexpr std::chrono::milliseconds kPatience{2000};
// An erasure is no erasure before.
constexpr std::chrono::milliseconds kErasurePatience{5000};

}  // namespace

HistoryStore& SettledHistory::settled() {
  spool_.settle(kPatience);
  return store_;
}

Result<std::size_t> SettledHistory::write(std::span<const StoredRecord> records) { return store_.write(records); }

Result<HistoryPage> SettledHistory::query(const HistoryFilter& filter, const PageRequest& page) {
  return settled().query(filter, page);
}

Result<std::uint64_t> SettledHistory::count(const HistoryFilter& filter) { return settled().count(filter); }

Result<Trend> SettledHistory::trend(const TrendRequest& request) { return settled().trend(request); }

Result<Feedback> SettledHistory::add_feedback(Feedback feedback) { return settled().add_feedback(std::move(feedback)); }

Result<FeedbackPage> SettledHistory::feedback(const FeedbackFilter& filter, const PageRequest& page) {
  return store_.feedback(filter, page);
}

Result<bool> SettledHistory::erase_feedback(const std::string& id) { return store_.erase_feedback(id); }

Result<Erased> SettledHistory::erase(const HistoryFilter& filter, const EraseOptions& options) {
  if (options.dry_run) return settled().erase(filter, options);
  VALENCE_TRY_STATUS(spool_.drain(kErasurePatience));
  return store_.erase(filter, options);
}

Result<Erased> SettledHistory::retain(const Retention& retention, std::int64_t now_ms) {
  return store_.retain(retention, now_ms);
}

Result<HistoryStats> SettledHistory::stats() { return settled().stats(); }

Status SettledHistory::log_access(const AccessEntry& entry) { return store_.log_access(entry); }

Result<std::vector<AccessEntry>> SettledHistory::access_log(std::size_t limit) { return store_.access_log(limit); }

}  // namespace valence::store
