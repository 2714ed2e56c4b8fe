/// \file
/// A history by its place: a file, or a PostgreSQL server.
#pragma once

#include <memory>
#include <string>

#include "valence/base/clock.h"
#include "valence/store/history_store.h"

namespace valence::store {

enum class HistoryAccess {
  kRead,    ///< of one that is there
  kChange,  ///< likewise, also to write and delete
  kKeep,    ///< makes a new one where there is none
};

/// `location` is a path of SQLite's, or "postgresql://user@host/database" (libpq's form of an address).
[[nodiscard]] Result<std::unique_ptr<HistoryStore>> open_history(const std::string& location, HistoryAccess access,
                                                                 const Clock& clock);

/// $XDG_DATA_HOME/valence/history.db, or below ~/.local/share; empty when there is no home directory.
[[nodiscard]] std::string usual_history_path();

}  // namespace valence::store
