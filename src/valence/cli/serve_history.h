/// \file
/// The history that `valence serve` keeps: its store, the spool in front of it, and how long records stay.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "valence/base/clock.h"
#include "valence/base/error.h"
#include "valence/store/history_store.h"
#include "valence/store/settled_history.h"
#include "valence/store/spool.h"
#include "valence/store/stored_record.h"

namespace valence::cli {

struct ServeHistoryOptions {
  bool enabled = true;
  std::string place;            ///< as --history-db; empty: the usual one
  std::string spool_directory;  ///< empty: the first free one of the user's state directory
  store::TextPolicy text = store::TextPolicy::kHash;
  store::Retention retention = {};
};

class ServeHistory {
 public:
  /// Errors: the store cannot be opened, no directory for the spool.
  static Result<std::unique_ptr<ServeHistory>> open(const ServeHistoryOptions& options, const Clock& clock);
  ServeHistory(const ServeHistory&) = delete;
  ServeHistory& operator=(const ServeHistory&) = delete;
  /// Writes to disk what is in memory, hands on what the store takes within a few seconds; the rest waits in the spool.
  ~ServeHistory();

  /// With all that has been written to spool() so far.
  [[nodiscard]] store::HistoryStore& store() { return *settled_; }
  [[nodiscard]] store::Spool& spool() { return *spool_; }

 private:
  ServeHistory(const ServeHistoryOptions& options, const Clock& clock) : options_(options), clock_(clock) {}
  void keep_retention();

  ServeHistoryOptions options_;
  const Clock& clock_;
  std::unique_ptr<store::HistoryStore> store_;
  std::unique_ptr<store::Spool> spool_;
  std::unique_ptr<store::SettledHistory> settled_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;  // only where something has a limit
};

}  // namespace valence::cli
