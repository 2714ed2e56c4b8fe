#include "valence/store/sqlite_database.h"

#include <fmt/format.h>
#include <sqlite3.h>

#include <new>
#include <utility>

namespace valence::store {
namespace {

constexpr int kPrimaryCode = 0xFF;  // extended result codes carry the primary one in their low byte

std::string uri_of(const std::filesystem::path& path, bool immutable) {
  std::string uri = "file:";
  for (const char c : path.string()) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  if (immutable) uri += "?immutable=1";
  return uri;
}

}  // namespace

Error sqlite_error(sqlite3* connection, int code, const std::string& where) {
  const std::string said = connection == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(connection);
  switch (code & kPrimaryCode) {
    case SQLITE_FULL:
      return {ErrorCode::kIo, where, "cannot be written: the disk is full", "free space; nothing was changed"};
    case SQLITE_READONLY:
      return {ErrorCode::kIo, where, fmt::format("cannot be written: {}", said),
              "make the file and its directory writable, or choose another with --history-db"};
    case SQLITE_CANTOPEN:
      return {ErrorCode::kIo, where, fmt::format("cannot be opened: {}", said),
              "check that the directory is there and may be written"};
    case SQLITE_IOERR: {
      const int system = connection == nullptr ? 0 : sqlite3_system_errno(connection);
      return {ErrorCode::kIo, where,
              fmt::format("cannot be read or written: {}{}", said,
                          system == 0 ? "" : fmt::format(" ({})", system_error_text(system)))};
    }
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {ErrorCode::kOverloaded, where, "is locked by another program", "try again when that has finished"};
    case SQLITE_NOTADB:
      return {ErrorCode::kInvalidData, where, "is no SQLite database", "choose another file with --history-db"};
    case SQLITE_CORRUPT:
      return {ErrorCode::kInvalidData, where, fmt::format("is damaged: {}", said),
              "restore a backup, or move the file away and begin a new history"};
    case SQLITE_TOOBIG:
    case SQLITE_CONSTRAINT:
    case SQLITE_MISMATCH:
      return {ErrorCode::kInvalidArgument, where, said};
    case SQLITE_NOMEM:
      return {ErrorCode::kOverloaded, where, "out of memory"};
    default:
      return {ErrorCode::kInternal, where, fmt::format("SQLite: {} (code {})", said, code)};
  }
}

SqliteStatement::SqliteStatement(sqlite3_stmt* statement, sqlite3* connection, const std::string* where)
    : statement_(statement), connection_(connection), where_(where) {}

SqliteStatement::SqliteStatement(SqliteStatement&& other) noexcept
    : statement_(std::exchange(other.statement_, nullptr)), connection_(other.connection_), where_(other.where_) {}

SqliteStatement& SqliteStatement::operator=(SqliteStatement&& other) noexcept {
  std::swap(statement_, other.statement_);
  std::swap(connection_, other.connection_);
  std::swap(where_, other.where_);
  return *this;
}

SqliteStatement::~SqliteStatement() { sqlite3_finalize(statement_); }

// What a bind can refuse is a place out of range, our mistake, or memory, which the step that follows reports too.
void SqliteStatement::bind(int place, std::int64_t value) { sqlite3_bind_int64(statement_, place, value); }
void SqliteStatement::bind(int place, double value) { sqlite3_bind_double(statement_, place, value); }
void SqliteStatement::bind_null(int place) { sqlite3_bind_null(statement_, place); }
void SqliteStatement::bind(int place, std::string_view text) {
  const char* const bytes = text.data() == nullptr ? "" : text.data();  // a null pointer would bind NULL
  sqlite3_bind_text64(statement_, place, bytes, text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

Result<bool> SqliteStatement::step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  Error error = sqlite_error(connection_, code, *where_);
  sqlite3_reset(statement_);
  return fail(std::move(error));
}

Status SqliteStatement::run() {
  while (true) {
    VALENCE_TRY(const bool row, step());
    if (!row) break;
  }
  sqlite3_reset(statement_);
  return {};
}

void SqliteStatement::reset() { sqlite3_reset(statement_); }

std::int64_t SqliteStatement::integer(int column) const { return sqlite3_column_int64(statement_, column); }
double SqliteStatement::real(int column) const { return sqlite3_column_double(statement_, column); }
bool SqliteStatement::is_null(int column) const { return sqlite3_column_type(statement_, column) == SQLITE_NULL; }
std::string_view SqliteStatement::text(int column) const {
  const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

Result<SqliteDatabase> SqliteDatabase::open(const std::filesystem::path& path, const Options& options) {
  // Statistics that nobody asks for would lock a mutex at every allocation. Refused where SQLite is in use already.
  [[maybe_unused]] static const int kWithoutStatistics = ::sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  int flags = SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  switch (options.mode) {
    case Mode::kReadOnly:
      flags |= SQLITE_OPEN_READONLY;
      break;
    case Mode::kReadWrite:
      flags |= SQLITE_OPEN_READWRITE;
      break;
    case Mode::kCreate:
      flags |= SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
      break;
  }
  sqlite3* connection = nullptr;
  const int code = sqlite3_open_v2(uri_of(path, options.immutable).c_str(), &connection, flags, nullptr);
  if (connection == nullptr) throw std::bad_alloc();
  SqliteDatabase database(connection, path.string());
  if (code != SQLITE_OK) return fail(sqlite_error(connection, code, path.string()));
  // SQLite opens to read what it may not write, and says so at the first write.
  if (options.mode != Mode::kReadOnly && sqlite3_db_readonly(connection, "main") == 1) {
    return fail(sqlite_error(nullptr, SQLITE_READONLY, path.string()));
  }
  sqlite3_busy_timeout(connection, options.busy_timeout_ms);
  // A file of a stranger must not run functions or reach out of its tables.
  sqlite3_db_config(connection, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return database;
}

SqliteDatabase::SqliteDatabase(sqlite3* connection, std::string where)
    : connection_(connection), where_(std::make_unique<std::string>(std::move(where))) {}

SqliteDatabase::SqliteDatabase(SqliteDatabase&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)),
      where_(std::move(other.where_)),
      statements_(std::move(other.statements_)) {}

SqliteDatabase& SqliteDatabase::operator=(SqliteDatabase&& other) noexcept {
  std::swap(connection_, other.connection_);
  std::swap(where_, other.where_);
  std::swap(statements_, other.statements_);
  return *this;
}

SqliteDatabase::~SqliteDatabase() {
  statements_.clear();
  sqlite3_close(connection_);
}

Status SqliteDatabase::execute(const std::string& sql) {
  const int code = sqlite3_exec(connection_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return fail(sqlite_error(connection_, code, *where_));
  return {};
}

Result<SqliteStatement> SqliteDatabase::prepare(const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const int code =
      sqlite3_prepare_v3(connection_, sql.c_str(), static_cast<int>(sql.size()) + 1, 0, &statement, nullptr);
  if (code != SQLITE_OK) return fail(sqlite_error(connection_, code, *where_));
  return SqliteStatement(statement, connection_, where_.get());
}

Result<SqliteStatement*> SqliteDatabase::cached(const std::string& sql) {
  auto known = statements_.find(sql);
  if (known == statements_.end()) {
    VALENCE_TRY(SqliteStatement statement, prepare(sql));
    known = statements_.emplace(sql, std::move(statement)).first;
  }
  known->second.reset();
  return &known->second;
}

Result<std::int64_t> SqliteDatabase::integer(const std::string& sql) {
  VALENCE_TRY(SqliteStatement statement, prepare(sql));
  VALENCE_TRY(const bool row, statement.step());
  return row ? statement.integer(0) : 0;
}

std::int64_t SqliteDatabase::changes() const { return sqlite3_changes64(connection_); }
bool SqliteDatabase::in_transaction() const { return sqlite3_get_autocommit(connection_) == 0; }

Result<SqliteTransaction> SqliteTransaction::begin(SqliteDatabase& database) {
  VALENCE_TRY_STATUS(database.execute("BEGIN IMMEDIATE"));
  return SqliteTransaction(&database);
}

SqliteTransaction::~SqliteTransaction() {
  // Some errors (a full disk) have rolled back by themselves.
  if (database_ != nullptr && database_->in_transaction()) {
    [[maybe_unused]] const Status rolled_back = database_->execute("ROLLBACK");
  }
}

Status SqliteTransaction::commit() {
  VALENCE_TRY_STATUS(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace valence::store
