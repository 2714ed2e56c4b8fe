/// \file
/// A history behind a spool, for those who want to find what was written a moment ago.
#pragma once

#include <chrono>

#include "valence/store/history_store.h"
#include "valence/store/spool.h"

namespace valence::store {

/// Passes everything on to `store`, once that has what `spool` had taken; it does not wait for a store that fails.
/// Thread-safe; both must outlive this.
class SettledHistory final : public HistoryStore {
 public:
  SettledHistory(HistoryStore& store, Spool& spool) : store_(store), spool_(spool) {}

  [[nodiscard]] Result<std::size_t> write(std::span<const StoredRecord> records) override;
  [[nodiscard]] Result<HistoryPage> query(const HistoryFilter& filter, const PageRequest& page) override;
  [[nodiscard]] Result<std::uint64_t> count(const HistoryFilter& filter) override;
  [[nodiscard]] Result<Trend> trend(const TrendRequest& request) override;
  [[nodiscard]] Result<Feedback> add_feedback(Feedback feedback) override;
  [[nodiscard]] Result<FeedbackPage> feedback(const FeedbackFilter& filter, const PageRequest& page) override;
  [[nodiscard]] Result<bool> erase_feedback(const std::string& id) override;
  /// Once no file of the spool holds what was written before. Errors: kDeadlineExceeded where that takes too long;
  /// nothing has been erased then.
  [[nodiscard]] Result<Erased> erase(const HistoryFilter& filter, const EraseOptions& options) override;
  [[nodiscard]] Result<Erased> retain(const Retention& retention, std::int64_t now_ms) override;
  [[nodiscard]] Result<HistoryStats> stats() override;
  [[nodiscard]] Status log_access(const AccessEntry& entry) override;
  [[nodiscard]] Result<std::vector<AccessEntry>> access_log(std::size_t limit) override;

 private:
  [[nodiscard]] HistoryStore& settled();

  HistoryStore& store_;
  Spool& spool_;
};

}  // namespace valence::store
