#include "valence/cli/serve_history.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "valence/cli/history_options.h"
#include "valence/cli/terminal.h"
#include "valence/store/open_history.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::seconds kDrainTime{5};
constexpr std::chrono::minutes kRetentionEvery{10};
// Servers of one user that run side by side, each with its own spool.
constexpr int kMostSpools = 32;

/// A spool belongs to one process. What an earlier run left in one is taken up by whoever opens it next.
Result<std::unique_ptr<store::Spool>> open_spool(const ServeHistoryOptions& options, store::HistoryStore& store) {
  store::SpoolOptions spool_options{.directory = options.spool_directory,
                                    .text = options.text,
                                    .log = [](const std::string& line) { print_warning("history: " + line); }};
  if (!options.spool_directory.empty()) return store::Spool::open(spool_options, store);
  VALENCE_TRY(const fs::path parent, usual_spool_parent());
  for (int number = 1;; ++number) {
    const std::string name = number == 1 ? "spool" : fmt::format("spool-{}", number);
    spool_options.directory = parent / name;
    auto spool = store::Spool::open(spool_options, store);
    const bool taken = !spool && spool.error().code() == ErrorCode::kOverloaded;
    if (!taken || number == kMostSpools) return spool;
  }
}

}  // namespace

Result<fs::path> usual_spool_parent() {
  const char* const state = std::getenv("XDG_STATE_HOME");
  const char* const home = std::getenv("HOME");
  if (state != nullptr && *state != '\0') return fs::path(state) / "valence";
  if (home != nullptr && *home != '\0') return fs::path(home) / ".local/state/valence";
  return fail(ErrorCode::kInvalidArgument, "--spool-dir", "there is no home directory to keep records in on their way",
              "give --spool-dir DIR, or --no-history");
}

Result<std::unique_ptr<ServeHistory>> ServeHistory::open(const ServeHistoryOptions& options, const Clock& clock) {
  std::unique_ptr<ServeHistory> history(new ServeHistory(options, clock));
  VALENCE_TRY(const std::string place, history_place(options.place));
  VALENCE_TRY(history->store_, store::open_history(place, store::HistoryAccess::kKeep, clock));
  VALENCE_TRY(history->spool_, open_spool(options, *history->store_));
  history->settled_ = std::make_unique<store::SettledHistory>(*history->store_, *history->spool_);
  if (options.retention.max_age_ms > 0 || options.retention.max_bytes > 0) {
    history->thread_ = std::thread([self = history.get()] { self->keep_retention(); });
  }
  return history;
}

ServeHistory::~ServeHistory() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  if (spool_) spool_->close(kDrainTime);
}

void ServeHistory::keep_retention() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    if (const auto erased = store_->retain(options_.retention, clock_.unix_ms()); !erased) {
      print_error(erased.error().in("history"));
    }
    lock.lock();
    wake_.wait_for(lock, kRetentionEvery, [this] { return stopping_; });
  }
}

}  // namespace valence::cli
