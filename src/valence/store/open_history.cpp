#include "valence/store/open_history.h"

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "valence/store/postgres_store.h"
#include "valence/store/sqlite_store.h"

namespace valence::store {

Result<std::unique_ptr<HistoryStore>> open_history(const std::string& location, HistoryAccess access,
                                                   const Clock& clock) {
  if (location.starts_with("postgresql://") || location.starts_with("postgres://")) {
    auto store = std::make_unique<PostgresStore>(location, PostgresStoreOptions{.clock = &clock});
    // One that is to be kept may be away for now; a command that reads has nothing to do without.
    if (access != HistoryAccess::kKeep) {
      VALENCE_TRY([[maybe_unused]] const HistoryStats there, store->stats());
    }
    return std::unique_ptr<HistoryStore>(std::move(store));
  }
  SqliteStoreOptions options{.clock = &clock};
  switch (access) {
    case HistoryAccess::kRead:
      options.mode = SqliteStoreOptions::Mode::kReadOnly;
      break;
    case HistoryAccess::kChange:
      options.mode = SqliteStoreOptions::Mode::kReadWrite;
      break;
    case HistoryAccess::kKeep:
      options.mode = SqliteStoreOptions::Mode::kCreate;
      break;
  }
  VALENCE_TRY(std::unique_ptr<HistoryStore> store, SqliteStore::open(location, options));
  return store;
}

std::string usual_history_path() {
  const char* const data = std::getenv("XDG_DATA_HOME");
  if (data != nullptr && *data != '\0') return (std::filesystem::path(data) / "valence/history.db").string();
  const char* const home = std::getenv("HOME");
  if (home == nullptr || *home == '\0') return {};
  return (std::filesystem::path(home) / ".local/share/valence/history.db").string();
}

}  // namespace valence::store
