/// \file
/// PostgreSQL as values: one connection over libpq, which is loaded when the first is opened.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/store/history_sql.h"

struct pg_conn;
struct pg_result;

namespace valence::store {

struct PostgresLibrary;

/// Rows of an answer; rows and columns count from 0.
class PostgresRows {
 public:
  PostgresRows(const PostgresLibrary& library, pg_result* result) : library_(&library), result_(result) {}
  PostgresRows(PostgresRows&& other) noexcept;
  PostgresRows& operator=(PostgresRows&&) = delete;
  ~PostgresRows();

  [[nodiscard]] std::size_t size() const;
  /// Lives as long as this. NULL is empty.
  [[nodiscard]] std::string_view text(std::size_t row, int column) const;
  [[nodiscard]] std::int64_t integer(std::size_t row, int column) const;
  [[nodiscard]] double real(std::size_t row, int column) const;
  [[nodiscard]] bool is_null(std::size_t row, int column) const;
  [[nodiscard]] pg_result* result() const { return result_; }
  /// Rows that a change touched.
  [[nodiscard]] std::uint64_t changed() const;

 private:
  const PostgresLibrary* library_;
  pg_result* result_;
};

/// What a connection waits for one statement, and for a lock, unless it is told otherwise.
inline constexpr int kStatementTimeoutMs = 60'000;
inline constexpr int kLockTimeoutMs = 10'000;

/// One thread at a time. After kRemote the connection may be broken: is_broken() tells.
class PostgresConnection {
 public:
  /// `address` in libpq's form. Waits at most some seconds for a server that does not answer, then and later.
  static Result<PostgresConnection> open(const std::string& address);
  PostgresConnection(PostgresConnection&& other) noexcept;
  PostgresConnection& operator=(PostgresConnection&& other) noexcept;
  ~PostgresConnection();

  /// One statement with values for $1, $2, ...
  Result<PostgresRows> query(const std::string& sql, const std::vector<SqlValue>& values = {});
  /// Statements without values, one or several; their answers are dropped.
  Status execute(const std::string& sql);
  /// COPY ... FROM STDIN with lines of copy_line().
  Status copy(const std::string& sql, std::string_view lines);

  [[nodiscard]] bool is_broken() const;
  /// "host/database", for people.
  [[nodiscard]] const std::string& where() const { return where_; }

 private:
  PostgresConnection(const PostgresLibrary& library, pg_conn* connection, std::string where);
  [[nodiscard]] Error error_of(const pg_result* result) const;

  const PostgresLibrary* library_;
  pg_conn* connection_;
  std::string where_;
};

/// BEGIN until commit(); ROLLBACK otherwise.
class PostgresTransaction {
 public:
  static Result<PostgresTransaction> begin(PostgresConnection& connection);
  PostgresTransaction(PostgresTransaction&& other) noexcept;
  PostgresTransaction& operator=(PostgresTransaction&&) = delete;
  ~PostgresTransaction();
  Status commit();

 private:
  explicit PostgresTransaction(PostgresConnection* connection) : connection_(connection) {}
  PostgresConnection* connection_;
};

/// Appends a value of COPY's text format; the caller puts tabs between and a line feed behind.
void append_copy_value(std::string& lines, std::string_view text);

}  // namespace valence::store
