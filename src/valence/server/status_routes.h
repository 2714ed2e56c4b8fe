/// \file
/// How the server is, over HTTP and in its events: /v1/status.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "valence/server/app.h"
#include "valence/server/background.h"
#include "valence/store/history_store.h"
#include "valence/store/spool.h"

namespace valence::server {

struct StatusContext {
  ServerContext& server;
  const Access& access;
  Background& background;
  store::HistoryStore* store = nullptr;  ///< null: no history is kept
  const store::Spool* spool = nullptr;   ///< the same
  store::TextPolicy text = store::TextPolicy::kHash;
  bool has_alerts = false;
};

/// Thread-safe.
class ServerStatus {
 public:
  /// What `context` refers to must outlive this.
  explicit ServerStatus(const StatusContext& context);

  /// The answer of GET /v1/status. Asks the store, where its figures are older than 10 s.
  [[nodiscard]] std::string body(AccessLevel level);
  /// The members of a `stats` event but `skipped`; asks no disk.
  [[nodiscard]] std::string stats_members() const;

  [[nodiscard]] std::vector<Route> routes();

 private:
  [[nodiscard]] std::string activity_members() const;
  [[nodiscard]] std::string history_json();

  StatusContext context_;
  std::int64_t started_ms_;
  std::mutex mutex_;                            // guards everything below
  std::optional<store::HistoryStats> figures_;  // the last that the store gave
  std::optional<Clock::TimePoint> asked_;
  std::string failure_;  // of the last attempt
};

}  // namespace valence::server
