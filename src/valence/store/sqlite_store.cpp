#include "valence/store/sqlite_store.h"

#include <fmt/format.h>
#include <unistd.h>

#include <system_error>
#include <utility>

#include "valence/store/history_sql.h"
#include "valence/store/sqlite_reader.h"
#include "valence/store/sqlite_schema.h"

namespace valence::store {
namespace {

namespace fs = std::filesystem;

// VALUES of one row: an INSERT that selects would open a savepoint for each, a fifth of its time.
constexpr const char* kInsertRecord =
    "INSERT INTO record(id, time_ms, stream, channel, subject, text, text_sha256, label, score, scores, model,"
    " model_version, config_version, tokens, truncated, metadata)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT(id) DO NOTHING";
constexpr const char* kAnyDeleted = "SELECT 1 FROM tombstone LIMIT 1";
constexpr const char* kIsDeleted = "SELECT 1 FROM tombstone WHERE id = ?1";
constexpr const char* kInsertWords = "INSERT INTO search(rowid, words) VALUES (last_insert_rowid(), search_words(?1))";
constexpr const char* kAddTally =
    "INSERT INTO tally(level, bucket_ms, stream, channel, label, texts, with_text, score_micro)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO UPDATE SET texts = texts + excluded.texts,"
    " with_text = with_text + excluded.with_text, score_micro = score_micro + excluded.score_micro";

Status prepare_directory(const fs::path& path) {
  if (!path.has_parent_path()) return {};
  std::error_code failed;
  fs::create_directories(path.parent_path(), failed);
  if (failed) {
    return fail(ErrorCode::kIo, path.parent_path().string(), fmt::format("cannot be created: {}", failed.message()),
                "choose another place for the history");
  }
  return {};
}

}  // namespace

void bind_values(SqliteStatement& statement, const std::vector<SqlValue>& values) {
  int place = 0;
  for (const SqlValue& value : values) {
    ++place;
    if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      statement.bind(place, *integer);
    } else if (const auto* real = std::get_if<double>(&value)) {
      statement.bind(place, *real);
    } else {
      statement.bind(place, std::string_view(std::get<std::string>(value)));
    }
  }
}

SqliteStore::SqliteStore(fs::path path, const SqliteStoreOptions& options)
    : path_(std::move(path)),
      options_(options),
      clock_(options.clock == nullptr ? &system_clock_ : options.clock),
      ids_(*clock_) {}

SqliteStore::~SqliteStore() = default;

Result<SqliteDatabase> SqliteStore::connect(SqliteDatabase::Mode mode) const {
  VALENCE_TRY(SqliteDatabase database, SqliteDatabase::open(path_, {mode, immutable_, options_.busy_timeout_ms}));
  VALENCE_TRY_STATUS(add_sqlite_functions(database));
  VALENCE_TRY_STATUS(database.execute(
      "PRAGMA secure_delete = ON; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -16384"));
  return database;
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const fs::path& path, const SqliteStoreOptions& options) {
  using Mode = SqliteStoreOptions::Mode;
  std::error_code ignored;
  if (options.mode == Mode::kCreate) {
    VALENCE_TRY_STATUS(prepare_directory(path));
  } else if (!fs::exists(path, ignored)) {
    return fail(ErrorCode::kNotFound, path.string(), "there is no history",
                "valence serve keeps one, and valence classify --history adds to it");
  }
  std::unique_ptr<SqliteStore> store(new SqliteStore(path, options));
  if (options.mode == Mode::kReadOnly) {
    // A write-ahead log needs files beside the database even to read; where nothing can be written, nothing changes it.
    const fs::path directory = path.has_parent_path() ? path.parent_path() : fs::path(".");
    store->immutable_ = ::access(directory.c_str(), W_OK) != 0 && ::access((path.string() + "-wal").c_str(), F_OK) != 0;
    VALENCE_TRY(SqliteDatabase database, store->connect(SqliteDatabase::Mode::kReadOnly));
    VALENCE_TRY(const int version, check_sqlite_schema(database, sqlite_migrations()));
    if (version < sqlite_migrations().back().version) {
      return fail(ErrorCode::kUnsupported, path.string(),
                  fmt::format("has the schema {} of an older valence and is opened to be read only", version),
                  "open it once with valence serve, which brings it up to date");
    }
    store->readers_.push_back(std::move(database));
    return store;
  }
  const auto mode = options.mode == Mode::kCreate ? SqliteDatabase::Mode::kCreate : SqliteDatabase::Mode::kReadWrite;
  VALENCE_TRY(SqliteDatabase database, store->connect(mode));
  VALENCE_TRY_STATUS(migrate_sqlite(database, path, sqlite_migrations()));
  VALENCE_TRY_STATUS(database.execute("CREATE TEMP TABLE doomed(seq INTEGER PRIMARY KEY)"));
  store->writer_ = std::make_unique<SqliteDatabase>(std::move(database));
  return store;
}

Result<SqliteStore::Reader> SqliteStore::reader() {
  {
    const std::lock_guard lock(readers_mutex_);
    if (!readers_.empty()) {
      Reader lent(*this, std::move(readers_.back()));
      readers_.pop_back();
      return lent;
    }
  }
  VALENCE_TRY(SqliteDatabase database, connect(SqliteDatabase::Mode::kReadOnly));
  return Reader(*this, std::move(database));
}

Result<SqliteDatabase*> SqliteStore::writer() {
  if (writer_ == nullptr) return fail(ErrorCode::kInvalidArgument, path_.string(), "was opened to be read only");
  return writer_.get();
}

Result<std::size_t> SqliteStore::write(std::span<const StoredRecord> records) {
  const std::lock_guard lock(writer_mutex_);
  VALENCE_TRY(SqliteDatabase* const database, writer());
  if (records.empty()) return std::size_t{0};
  VALENCE_TRY(SqliteTransaction transaction, SqliteTransaction::begin(*database));
  VALENCE_TRY(SqliteStatement* const insert, database->cached(kInsertRecord));
  VALENCE_TRY(SqliteStatement* const insert_words, database->cached(kInsertWords));
  VALENCE_TRY(SqliteStatement* const any_deleted, database->cached(kAnyDeleted));
  VALENCE_TRY(SqliteStatement* const is_deleted, database->cached(kIsDeleted));
  VALENCE_TRY(const bool check_deleted, any_deleted->step());
  any_deleted->reset();
  std::vector<const StoredRecord*> added;
  added.reserve(records.size());
  for (const StoredRecord& stored : records) {
    const auto& record = stored.record;
    if (check_deleted) {
      is_deleted->bind(1, record.id);
      VALENCE_TRY(const bool deleted, is_deleted->step());
      is_deleted->reset();
      if (deleted) continue;
    }
    const std::string scores = scores_to_json(record.scores);
    insert->bind(1, record.id);
    insert->bind(2, record.time_ms);
    insert->bind(3, record.stream);
    insert->bind(4, record.channel);
    insert->bind(5, record.subject);
    insert->bind(6, record.text);
    insert->bind(7, stored.text_sha256);
    insert->bind(8, record.label);
    insert->bind(9, static_cast<double>(record.score));
    insert->bind(10, scores);
    insert->bind(11, record.model);
    insert->bind(12, record.model_version);
    insert->bind(13, record.config_version);
    insert->bind(14, std::int64_t{record.tokens});
    insert->bind(15, std::int64_t{record.truncated});
    insert->bind(16, record.metadata);
    VALENCE_TRY_STATUS(insert->run());
    if (database->changes() == 0) continue;
    added.push_back(&stored);
    if (record.text.empty()) continue;
    insert_words->bind(1, record.text);
    VALENCE_TRY_STATUS(insert_words->run());
  }
  VALENCE_TRY_STATUS(add_tallies(*database, added));
  VALENCE_TRY_STATUS(transaction.commit());
  return added.size();
}

Status SqliteStore::add_tallies(SqliteDatabase& database, const std::vector<const StoredRecord*>& added) {
  VALENCE_TRY(SqliteStatement* const add, database.cached(kAddTally));
  for (const TallyRow& row : tallies_of(added)) {
    add->bind(1, std::int64_t{row.level});
    add->bind(2, row.bucket_ms);
    add->bind(3, row.stream);
    add->bind(4, row.channel);
    add->bind(5, row.label);
    add->bind(6, row.texts);
    add->bind(7, row.with_text);
    add->bind(8, row.micro);
    VALENCE_TRY_STATUS(add->run());
  }
  return {};
}

Result<HistoryStats> SqliteStore::stats() {
  VALENCE_TRY(Reader database, reader());
  HistoryStats stats{.backend = "sqlite", .location = path_.string(), .oldest_ms = {}, .newest_ms = {}};
  VALENCE_TRY(const std::int64_t version, database->integer("PRAGMA user_version"));
  stats.schema_version = static_cast<int>(version);
  VALENCE_TRY(
      SqliteStatement sums,
      database->prepare(fmt::format(
          "SELECT coalesce(sum(texts), 0), coalesce(sum(with_text), 0) FROM tally WHERE level = {}", kDayLevel)));
  VALENCE_TRY([[maybe_unused]] const bool one_row, sums.step());
  stats.records = static_cast<std::uint64_t>(sums.integer(0));
  stats.texts = static_cast<std::uint64_t>(sums.integer(1));
  VALENCE_TRY(const std::int64_t corrections, database->integer("SELECT count(*) FROM feedback"));
  stats.corrections = static_cast<std::uint64_t>(corrections);
  for (auto [time, order] : {std::pair(&stats.oldest_ms, "ASC"), std::pair(&stats.newest_ms, "DESC")}) {
    VALENCE_TRY(SqliteStatement end,
                database->prepare(fmt::format("SELECT time_ms FROM record ORDER BY time_ms {} LIMIT 1", order)));
    VALENCE_TRY(const bool row, end.step());
    if (row) *time = end.integer(0);
  }
  for (const char* suffix : {"", "-wal", "-shm"}) {
    std::error_code absent;
    const auto size = fs::file_size(path_.string() + suffix, absent);
    if (!absent) stats.size_bytes += size;
  }
  return stats;
}

Status SqliteStore::log_access(const AccessEntry& entry) {
  const std::lock_guard lock(writer_mutex_);
  VALENCE_TRY(SqliteDatabase* const database, writer());
  VALENCE_TRY(SqliteStatement* const insert,
              database->cached("INSERT INTO access(time_ms, action, detail, records) VALUES (?1, ?2, ?3, ?4)"));
  insert->bind(1, entry.time_ms);
  insert->bind(2, entry.action);
  insert->bind(3, entry.detail);
  insert->bind(4, static_cast<std::int64_t>(entry.records));
  return insert->run();
}

Result<std::vector<AccessEntry>> SqliteStore::access_log(std::size_t limit) {
  VALENCE_TRY(Reader database, reader());
  VALENCE_TRY(SqliteStatement rows,
              database->prepare("SELECT time_ms, action, detail, records FROM access ORDER BY seq DESC LIMIT ?1"));
  rows.bind(1, static_cast<std::int64_t>(limit));
  std::vector<AccessEntry> entries;
  while (true) {
    VALENCE_TRY(const bool row, rows.step());
    if (!row) return entries;
    entries.push_back({rows.integer(0), std::string(rows.text(1)), std::string(rows.text(2)),
                       static_cast<std::uint64_t>(rows.integer(3))});
  }
}

}  // namespace valence::store
