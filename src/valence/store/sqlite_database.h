/// \file
/// SQLite as values: a connection, a prepared statement, a transaction. Nothing above this file sees its API.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "valence/base/error.h"

struct sqlite3;
struct sqlite3_stmt;

namespace valence::store {

/// A prepared statement with its values. Columns and places count from 0 and from 1, as SQLite has it.
class SqliteStatement {
 public:
  SqliteStatement(sqlite3_stmt* statement, sqlite3* connection, const std::string* where);
  SqliteStatement(SqliteStatement&& other) noexcept;
  SqliteStatement& operator=(SqliteStatement&& other) noexcept;
  ~SqliteStatement();

  void bind(int place, std::int64_t value);
  void bind(int place, double value);
  /// The bytes must live until the statement is reset or bound again.
  void bind(int place, std::string_view text);
  void bind_null(int place);

  /// True when there is a row to read.
  Result<bool> step();
  /// Runs to the end, rows ignored, and makes it ready for the next values.
  Status run();
  void reset();

  [[nodiscard]] std::int64_t integer(int column) const;
  [[nodiscard]] double real(int column) const;
  [[nodiscard]] bool is_null(int column) const;
  /// Lives until the next step or reset.
  [[nodiscard]] std::string_view text(int column) const;

 private:
  sqlite3_stmt* statement_;
  sqlite3* connection_;
  const std::string* where_;
};

/// One connection. Not thread-safe: one thread at a time.
class SqliteDatabase {
 public:
  enum class Mode { kReadOnly, kReadWrite, kCreate };
  struct Options {
    Mode mode = Mode::kReadWrite;
    bool immutable = false;  ///< on a medium that nothing can change: no locks, no write-ahead log
    int busy_timeout_ms = 5000;
  };

  static Result<SqliteDatabase> open(const std::filesystem::path& path, const Options& options);
  SqliteDatabase(SqliteDatabase&& other) noexcept;
  SqliteDatabase& operator=(SqliteDatabase&& other) noexcept;
  ~SqliteDatabase();

  /// Statements without values, one or several.
  Status execute(const std::string& sql);
  Result<SqliteStatement> prepare(const std::string& sql);
  /// Prepared once, kept; reset when handed out. For texts of a closed set.
  Result<SqliteStatement*> cached(const std::string& sql);
  /// The first column of the first row; 0 when there is none.
  Result<std::int64_t> integer(const std::string& sql);

  /// Rows that the last statement changed.
  [[nodiscard]] std::int64_t changes() const;
  [[nodiscard]] bool in_transaction() const;
  [[nodiscard]] sqlite3* handle() const { return connection_; }
  [[nodiscard]] const std::string& where() const { return *where_; }

 private:
  SqliteDatabase(sqlite3* connection, std::string where);

  sqlite3* connection_;
  std::unique_ptr<std::string> where_;  // statements point at it
  std::unordered_map<std::string, SqliteStatement> statements_;
};

/// The error of what `connection` did last, in words that say what to do.
[[nodiscard]] Error sqlite_error(sqlite3* connection, int code, const std::string& where);

/// Rolled back unless committed.
class SqliteTransaction {
 public:
  /// Takes the lock for writing at once, so that it cannot fail half-way.
  static Result<SqliteTransaction> begin(SqliteDatabase& database);
  SqliteTransaction(SqliteTransaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  SqliteTransaction& operator=(SqliteTransaction&&) = delete;
  ~SqliteTransaction();

  Status commit();

 private:
  explicit SqliteTransaction(SqliteDatabase* database) : database_(database) {}
  SqliteDatabase* database_;
};

}  // namespace valence::store
