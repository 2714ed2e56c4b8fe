/// \file
/// What the subcommands of `valence history` and `valence feedback` share: where the history is, and which records.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "valence/base/error.h"
#include "valence/cli/command.h"
#include "valence/store/history_store.h"
#include "valence/store/open_history.h"

namespace valence::cli {

/// Adds --history-db.
void declare_history_place(CLI::App& app, std::string& place);

/// --history-db, else $VALENCE_HISTORY_DB, else the usual place.
[[nodiscard]] Result<std::string> history_place(const std::string& given);

[[nodiscard]] Result<std::unique_ptr<store::HistoryStore>> open_history_at(const std::string& given,
                                                                           store::HistoryAccess access);

/// As written.
struct HistoryFilterArguments {
  std::string from;
  std::string to;
  std::string id;
  std::string stream;
  std::string channel;
  std::string label;
  std::string subject;
  std::string text_sha256;
  std::string model;
  std::string search;
  std::string min_score;
  std::string max_score;
  bool corrected = false;
};

/// --from and --to alone.
void declare_period(CLI::App& app, HistoryFilterArguments& arguments);
/// Those and all others.
void declare_history_filter(CLI::App& app, HistoryFilterArguments& arguments);
[[nodiscard]] Result<store::HistoryFilter> history_filter(const HistoryFilterArguments& arguments);

/// "2026-01", "2026-01-31T12:00Z", Unix milliseconds, or "30d", "12h", "15m" before `now_ms`.
[[nodiscard]] Result<std::int64_t> parse_when(const std::string& option, const std::string& word, std::int64_t now_ms);

/// Prints it and gives its exit code.
ExitCode history_failed(const Error& error);

}  // namespace valence::cli
