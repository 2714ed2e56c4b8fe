/// \file
/// A history in one SQLite file (with its -wal and -shm beside it while it is open).
#pragma once

#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "valence/base/clock.h"
#include "valence/base/ulid.h"
#include "valence/store/history_store.h"
#include "valence/store/sqlite_database.h"

namespace valence::store {

struct SqliteStoreOptions {
  enum class Mode { kReadOnly, kReadWrite, kCreate };
  Mode mode = Mode::kCreate;
  int busy_timeout_ms = 5000;    ///< how long to wait for another process that writes
  const Clock* clock = nullptr;  ///< the system's where absent; must outlive the store
};

/// Readers do not wait for the writer, nor it for them (write-ahead log). Several processes may have the file open.
/// A commit is on the disk when write() returns (synchronous=FULL).
class SqliteStore final : public HistoryStore {
 public:
  /// Creates the file and its directory in mode kCreate; otherwise kNotFound for a missing one.
  static Result<std::unique_ptr<SqliteStore>> open(const std::filesystem::path& path,
                                                   const SqliteStoreOptions& options = {});
  ~SqliteStore() override;

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
  class Reader;  // a connection on loan

  SqliteStore(std::filesystem::path path, const SqliteStoreOptions& options);
  [[nodiscard]] Result<SqliteDatabase> connect(SqliteDatabase::Mode mode) const;
  [[nodiscard]] Result<Reader> reader();
  /// The connection that writes; an error where the store was opened to read. Its lock must be held.
  [[nodiscard]] Result<SqliteDatabase*> writer();

  Status add_tallies(SqliteDatabase& database, const std::vector<const StoredRecord*>& added);
  /// Puts the numbers of the records in question into temp.doomed; returns how many.
  [[nodiscard]] Result<std::uint64_t> mark_doomed(SqliteDatabase& database, const HistoryFilter& filter);
  /// Each one transaction, in which the access log hears of it; how many records, 0 when there is no more to do.
  Result<std::uint64_t> retain_batch(SqliteDatabase& database, const std::string& which, const std::string& detail);
  Result<std::uint64_t> retain_age(std::int64_t before_ms);
  Result<std::uint64_t> retain_size(std::uint64_t max_bytes);
  static Status insert_access(SqliteDatabase& database, const AccessEntry& entry);
  Status erase_doomed(SqliteDatabase& database, bool keep_corrections);
  /// Overwrites what deletions left: in the index over words, in free pages, in the write-ahead log, in backups.
  /// False when something stood in the way of a part.
  enum class Scrub { kInPlace, kRewrite };
  bool scrub(SqliteDatabase& database, Scrub how);

  std::filesystem::path path_;
  SqliteStoreOptions options_;
  bool immutable_ = false;
  SystemClock system_clock_;
  const Clock* clock_;
  UlidSource ids_;

  std::mutex writer_mutex_;
  std::unique_ptr<SqliteDatabase> writer_;
  std::mutex readers_mutex_;
  std::vector<SqliteDatabase> readers_;  // idle ones
};

}  // namespace valence::store
