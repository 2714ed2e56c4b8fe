/// \file
/// A history in the schema "valence" of a PostgreSQL database (12 or later).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "valence/base/clock.h"
#include "valence/base/ulid.h"
#include "valence/store/history_store.h"
#include "valence/store/postgres_connection.h"

namespace valence::store {

struct PostgresStoreOptions {
  const Clock* clock = nullptr;  ///< the system's where absent; must outlive the store
};

/// Several processes may share it. Connections are made when they are needed and made again when the server was away: a
/// call that finds it away is kRemote, the next may succeed. A commit is on the server's disk when write() returns,
/// unless its administrator turned synchronous_commit off. The server's own files keep deleted bytes until it uses
/// their place again.
class PostgresStore final : public HistoryStore {
 public:
  /// Connects to nothing yet.
  PostgresStore(std::string address, const PostgresStoreOptions& options);
  ~PostgresStore() override;

  [[nodiscard]] Result<std::size_t> write(std::span<const StoredRecord> records) override;
  [[nodiscard]] Result<HistoryPage> query(const HistoryFilter& filter, const PageRequest& page) override;
  [[nodiscard]] Result<std::uint64_t> count(const HistoryFilter& filter) override;
  [[nodiscard]] Result<Trend> trend(const TrendRequest& request) override;
  [[nodiscard]] Result<Feedback> add_feedback(Feedback feedback) override;
  [[nodiscard]] Result<FeedbackPage> feedback(const FeedbackFilter& filter, const PageRequest& page) override;
  [[nodiscard]] Result<bool> erase_feedback(const std::string& id) override;
  [[nodiscard]] Result<Erased> erase(const HistoryFilter& filter, const EraseOptions& options) override;
  [[nodiscard]] Result<Erased> retain(const Retention& retention, std::int64_t now_ms) override;
  [[nodiscard]] Result<HistoryStats> stats() override;
  [[nodiscard]] Status log_access(const AccessEntry& entry) override;
  [[nodiscard]] Result<std::vector<AccessEntry>> access_log(std::size_t limit) override;

 private:
  /// Runs `work` on an idle connection, or on a new one; again on a new one where an idle one turns out to be broken.
  /// `work` must be all or nothing.
  template <class Work>
  auto with_connection(const Work& work) -> decltype(work(std::declval<PostgresConnection&>()));
  [[nodiscard]] Result<PostgresConnection> connect();
  Status prepare_schema(PostgresConnection& connection);
  /// Until the transaction ends: a record and its correction that come at the same time would not see each other.
  /// Writers of records do not wait for each other.
  enum class CorrectionLock { kRecords, kCorrections };
  static Status lock_corrections(PostgresConnection& connection, CorrectionLock whose);
  [[nodiscard]] Result<std::size_t> write_to(PostgresConnection& connection, std::span<const StoredRecord> records);
  static Status insert_access(PostgresConnection& connection, const AccessEntry& entry);
  /// One transaction, in which the access log hears of it; how many records.
  [[nodiscard]] Result<std::uint64_t> retain_batch(const std::string& which, const std::string& detail);
  [[nodiscard]] Result<std::uint64_t> surplus_records(std::uint64_t max_bytes);
  [[nodiscard]] Result<Erased> erase_in(PostgresConnection& connection, const HistoryFilter& filter,
                                        const EraseOptions& options);

  std::string address_;
  SystemClock system_clock_;
  const Clock* clock_;
  UlidSource ids_;
  std::mutex mutex_;
  std::vector<PostgresConnection> idle_;
  bool schema_is_ready_ = false;
};

template <class Work>
auto PostgresStore::with_connection(const Work& work) -> decltype(work(std::declval<PostgresConnection&>())) {
  while (true) {
    std::unique_ptr<PostgresConnection> connection;
    {
      const std::lock_guard lock(mutex_);
      if (!idle_.empty()) {
        connection = std::make_unique<PostgresConnection>(std::move(idle_.back()));
        idle_.pop_back();
      }
    }
    const bool was_idle = connection != nullptr;
    if (!was_idle) {
      auto opened = connect();
      if (!opened) return fail(std::move(opened).error());
      connection = std::make_unique<PostgresConnection>(std::move(*opened));
    }
    auto outcome = work(*connection);
    if (!connection->is_broken()) {
      const std::lock_guard lock(mutex_);
      idle_.push_back(std::move(*connection));
    } else if (was_idle) {
      continue;  // ends: each round uses up an idle connection
    }
    return outcome;
  }
}

}  // namespace valence::store
