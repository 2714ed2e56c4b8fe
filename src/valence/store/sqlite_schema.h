/// \file
/// The tables of a history in SQLite, and the way from older ones to these.
#pragma once

#include <filesystem>
#include <span>
#include <string>

#include "valence/store/sqlite_database.h"

namespace valence::store {

/// Statements that lead from version - 1 to `version`.
struct SqliteMigration {
  int version = 0;
  std::string sql;
};

/// All there have been, ascending from 1.
[[nodiscard]] std::span<const SqliteMigration> sqlite_migrations();

/// Registers the SQL functions that statements of the store use: search_words(text), score_micro(score).
[[nodiscard]] Status add_sqlite_functions(SqliteDatabase& database);

/// Checks whose file it is: kInvalidData for a database of another program, kUnsupported for one that a newer valence
/// wrote. Returns the version; 0 for a new file.
[[nodiscard]] Result<int> check_sqlite_schema(SqliteDatabase& database, std::span<const SqliteMigration> migrations);

/// Brings the database to the last of `migrations`, each in a transaction of its own: whatever ends the program, the
/// file is of the one version or of the other. An older file is copied to backup_path() first.
[[nodiscard]] Status migrate_sqlite(SqliteDatabase& database, const std::filesystem::path& path,
                                    std::span<const SqliteMigration> migrations);

/// "history.db.v1.backup". An erasure removes it: the words are in it too.
[[nodiscard]] std::filesystem::path sqlite_backup_path(const std::filesystem::path& path, int version);

}  // namespace valence::store
