#include "valence/store/sqlite_schema.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <array>
#include <exception>

#include "valence/base/file.h"
#include "valence/base/utf8.h"
#include "valence/store/history_sql.h"
#include "valence/store/search_words.h"

namespace valence::store {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kApplicationId = 0x76616C68;  // "valh": how `file` and we know the database

// The index over words is contentless: it holds no copy of the texts, and a deletion tells it the words again. One
// place of a word counts as another, so detail=none. Words come from search_words(), ASCII only split at spaces.
constexpr const char* kVersion1 = R"(
CREATE TABLE record(
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  time_ms INTEGER NOT NULL,
  stream TEXT NOT NULL,
  channel TEXT NOT NULL,
  subject TEXT NOT NULL,
  text TEXT NOT NULL,
  text_sha256 TEXT NOT NULL,
  label TEXT NOT NULL,
  score REAL NOT NULL,
  scores TEXT NOT NULL,
  model TEXT NOT NULL,
  model_version TEXT NOT NULL,
  config_version TEXT NOT NULL,
  tokens INTEGER NOT NULL,
  truncated INTEGER NOT NULL,
  metadata TEXT NOT NULL,
  correction TEXT NOT NULL DEFAULT ''
);
CREATE INDEX record_by_time ON record(time_ms, id);
CREATE INDEX record_by_correction ON record(time_ms, id) WHERE correction <> '';
CREATE VIRTUAL TABLE search USING fts5(words, content='', columnsize=0, detail=none, tokenize='ascii');
CREATE TABLE tally(
  level INTEGER NOT NULL,
  bucket_ms INTEGER NOT NULL,
  stream TEXT NOT NULL,
  channel TEXT NOT NULL,
  label TEXT NOT NULL,
  texts INTEGER NOT NULL,
  with_text INTEGER NOT NULL,
  score_micro INTEGER NOT NULL,
  PRIMARY KEY(level, bucket_ms, stream, channel, label)
) WITHOUT ROWID;
CREATE TABLE feedback(
  seq INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  time_ms INTEGER NOT NULL,
  record_id TEXT NOT NULL,
  text TEXT NOT NULL,
  text_sha256 TEXT NOT NULL,
  label TEXT NOT NULL,
  predicted TEXT NOT NULL,
  stream TEXT NOT NULL,
  channel TEXT NOT NULL,
  subject TEXT NOT NULL,
  note TEXT NOT NULL,
  source TEXT NOT NULL,
  model_version TEXT NOT NULL
);
CREATE INDEX feedback_by_time ON feedback(time_ms, id);
CREATE INDEX feedback_by_record ON feedback(record_id) WHERE record_id <> '';
CREATE TABLE tombstone(id TEXT PRIMARY KEY, time_ms INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE access(
  seq INTEGER PRIMARY KEY,
  time_ms INTEGER NOT NULL,
  action TEXT NOT NULL,
  detail TEXT NOT NULL,
  records INTEGER NOT NULL
);
)";

std::string_view text_of(sqlite3_value* value) {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_value_text(value));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

void search_words_function(sqlite3_context* context, int, sqlite3_value** values) {
  try {
    const std::string words = search_words(to_valid_utf8(text_of(values[0])));
    sqlite3_result_text64(context, words.data(), words.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  } catch (const std::exception&) {  // must not pass through C
    sqlite3_result_error_nomem(context);
  }
}

void score_micro_function(sqlite3_context* context, int, sqlite3_value** values) {
  sqlite3_result_int64(context, score_micro(sqlite3_value_double(values[0])));
}

Status create(SqliteDatabase& database) {
  // Before the first page is written, or it would take a VACUUM.
  VALENCE_TRY_STATUS(database.execute("PRAGMA auto_vacuum = INCREMENTAL"));
  return database.execute("PRAGMA journal_mode = WAL");
}

Status back_up(SqliteDatabase& database, const fs::path& path, int version) {
  const fs::path backup = sqlite_backup_path(path, version);
  fs::path partial = backup;
  partial += ".partial";
  std::error_code failed;
  fs::remove(partial, failed);
  VALENCE_TRY(SqliteStatement copy, database.prepare("VACUUM INTO ?1"));
  const std::string name = partial.string();
  copy.bind(1, std::string_view(name));
  VALENCE_TRY_STATUS(copy.run());
  fs::rename(partial, backup, failed);
  if (failed) return fail(ErrorCode::kIo, backup.string(), fmt::format("cannot be written: {}", failed.message()));
  sync_directory(backup.has_parent_path() ? backup.parent_path() : fs::path("."));
  return {};
}

}  // namespace

std::span<const SqliteMigration> sqlite_migrations() {
  static const std::array<SqliteMigration, 1> kMigrations{{{1, kVersion1}}};
  return kMigrations;
}

Status add_sqlite_functions(SqliteDatabase& database) {
  constexpr int kPure = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
  sqlite3* const connection = database.handle();
  int code = sqlite3_create_function_v2(connection, "search_words", 1, kPure, nullptr, search_words_function, nullptr,
                                        nullptr, nullptr);
  if (code == SQLITE_OK) {
    code = sqlite3_create_function_v2(connection, "score_micro", 1, kPure, nullptr, score_micro_function, nullptr,
                                      nullptr, nullptr);
  }
  if (code != SQLITE_OK) return fail(sqlite_error(connection, code, database.where()));
  return {};
}

Result<int> check_sqlite_schema(SqliteDatabase& database, std::span<const SqliteMigration> migrations) {
  VALENCE_TRY(const std::int64_t version, database.integer("PRAGMA user_version"));
  VALENCE_TRY(const std::int64_t application, database.integer("PRAGMA application_id"));
  VALENCE_TRY(const std::int64_t tables, database.integer("SELECT count(*) FROM sqlite_schema"));
  if (application != kApplicationId && (tables > 0 || application != 0)) {
    return fail(ErrorCode::kInvalidData, database.where(), "is a database of another program",
                "choose another file for the history");
  }
  const int latest = migrations.back().version;
  if (version > latest) {
    return fail(ErrorCode::kUnsupported, database.where(),
                fmt::format("was written by a newer valence: its schema is {}, this program knows {}", version, latest),
                "use that version, or another file; nothing was changed");
  }
  if (version < 0) return fail(ErrorCode::kInvalidData, database.where(), "has a schema below 0");
  return static_cast<int>(version);
}

Status migrate_sqlite(SqliteDatabase& database, const fs::path& path, std::span<const SqliteMigration> migrations) {
  VALENCE_TRY(const int found, check_sqlite_schema(database, migrations));
  const int latest = migrations.back().version;
  if (found == latest) return {};
  if (found == 0) {
    VALENCE_TRY_STATUS(create(database));
  } else {
    VALENCE_TRY_STATUS(back_up(database, path, found));
  }
  for (const SqliteMigration& migration : migrations) {
    VALENCE_TRY(SqliteTransaction transaction, SqliteTransaction::begin(database));
    // Another process may have come first.
    VALENCE_TRY(const std::int64_t version, database.integer("PRAGMA user_version"));
    if (version >= migration.version) continue;
    VALENCE_TRY_STATUS(database.execute(migration.sql));
    VALENCE_TRY_STATUS(database.execute(
        fmt::format("PRAGMA user_version = {}; PRAGMA application_id = {}", migration.version, kApplicationId)));
    VALENCE_TRY_STATUS(transaction.commit());
  }
  return {};
}

fs::path sqlite_backup_path(const fs::path& path, int version) {
  fs::path backup = path;
  backup += fmt::format(".v{}.backup", version);
  return backup;
}

}  // namespace valence::store
