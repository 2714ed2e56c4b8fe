#include "valence/store/postgres_connection.h"

#include <dlfcn.h>
#include <fmt/format.h>
#include <libpq-fe.h>

#include <array>
#include <charconv>
#include <cstdlib>
#include <utility>

namespace valence::store {

/// The functions of libpq that are called here. Loaded rather than linked: most histories lie in a file, and it brings
/// Kerberos and LDAP along.
struct PostgresLibrary {
  decltype(&::PQconnectdbParams) connect = nullptr;
  decltype(&::PQstatus) status = nullptr;
  decltype(&::PQfinish) finish = nullptr;
  decltype(&::PQerrorMessage) message = nullptr;
  decltype(&::PQexecParams) exec_params = nullptr;
  decltype(&::PQexec) exec = nullptr;
  decltype(&::PQresultStatus) result_status = nullptr;
  decltype(&::PQresultErrorField) error_field = nullptr;
  decltype(&::PQclear) clear = nullptr;
  decltype(&::PQntuples) rows = nullptr;
  decltype(&::PQgetvalue) value = nullptr;
  decltype(&::PQgetlength) length = nullptr;
  decltype(&::PQgetisnull) is_null = nullptr;
  decltype(&::PQcmdTuples) changed = nullptr;
  decltype(&::PQputCopyData) put_copy = nullptr;
  decltype(&::PQputCopyEnd) end_copy = nullptr;
  decltype(&::PQgetResult) get_result = nullptr;
  decltype(&::PQhost) host = nullptr;
  decltype(&::PQdb) database = nullptr;

  static Result<const PostgresLibrary*> get();
};

namespace {

template <class Function>
bool find_function(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(::dlsym(library, name));
  return function != nullptr;
}

Result<PostgresLibrary> load() {
  constexpr auto kHint = "install libpq (Debian: libpq5)";
  void* const library = ::dlopen("libpq.so.5", RTLD_NOW | RTLD_LOCAL);  // stays loaded
  if (library == nullptr) return fail(ErrorCode::kUnsupported, "libpq.so.5", "cannot be loaded", kHint);
  PostgresLibrary pq;
  const bool complete =
      find_function(library, "PQconnectdbParams", pq.connect) && find_function(library, "PQstatus", pq.status) &&
      find_function(library, "PQfinish", pq.finish) && find_function(library, "PQerrorMessage", pq.message) &&
      find_function(library, "PQexecParams", pq.exec_params) && find_function(library, "PQexec", pq.exec) &&
      find_function(library, "PQresultStatus", pq.result_status) &&
      find_function(library, "PQresultErrorField", pq.error_field) && find_function(library, "PQclear", pq.clear) &&
      find_function(library, "PQntuples", pq.rows) && find_function(library, "PQgetvalue", pq.value) &&
      find_function(library, "PQgetlength", pq.length) && find_function(library, "PQgetisnull", pq.is_null) &&
      find_function(library, "PQcmdTuples", pq.changed) && find_function(library, "PQputCopyData", pq.put_copy) &&
      find_function(library, "PQputCopyEnd", pq.end_copy) && find_function(library, "PQgetResult", pq.get_result) &&
      find_function(library, "PQhost", pq.host) && find_function(library, "PQdb", pq.database);
  if (!complete) return fail(ErrorCode::kUnsupported, "libpq.so.5", "does not work here", kHint);
  return pq;
}

/// libpq's messages end with a line feed, and have some inside.
std::string one_line(std::string_view message) {
  std::string line;
  for (const char c : message) {
    if (c != '\n') {
      line += c;
    } else if (!line.empty() && !line.ends_with("; ")) {
      line += "; ";
    }
  }
  if (line.ends_with("; ")) line.resize(line.size() - 2);
  return line;
}

/// By SQLSTATE class (PostgreSQL 15, appendix A).
Error error_of_state(std::string_view state, const std::string& where, std::string said) {
  if (state.starts_with("53")) {
    return {ErrorCode::kOverloaded, where, std::move(said), "its disk, memory or connections are used up"};
  }
  if (state == "25006") return {ErrorCode::kRemote, where, std::move(said), "it is read-only: connect to the primary"};
  if (state.starts_with("42501") || state.starts_with("28")) {
    return {ErrorCode::kRemote, where, std::move(said), "grant the user its own schema there"};
  }
  if (state.starts_with("55P03") || state.starts_with("40")) {
    return {ErrorCode::kOverloaded, where, std::move(said), "locked by another; try again"};
  }
  // Data exceptions, violated constraints, limits of the program: of what was sent, whoever is asked and when.
  if (state.starts_with("22") || state.starts_with("23") || state.starts_with("54")) {
    return {ErrorCode::kInvalidArgument, where, std::move(said)};
  }
  return {ErrorCode::kRemote, where, std::move(said)};
}

}  // namespace

Result<const PostgresLibrary*> PostgresLibrary::get() {
  static const Result<PostgresLibrary> kLibrary = load();
  if (!kLibrary) return fail(kLibrary.error());
  return &*kLibrary;
}

PostgresRows::PostgresRows(PostgresRows&& other) noexcept
    : library_(other.library_), result_(std::exchange(other.result_, nullptr)) {}

PostgresRows::~PostgresRows() {
  if (result_ != nullptr) library_->clear(result_);
}

std::size_t PostgresRows::size() const { return static_cast<std::size_t>(library_->rows(result_)); }

std::string_view PostgresRows::text(std::size_t row, int column) const {
  const int at = static_cast<int>(row);
  return {library_->value(result_, at, column), static_cast<std::size_t>(library_->length(result_, at, column))};
}

std::int64_t PostgresRows::integer(std::size_t row, int column) const {
  const std::string_view digits = text(row, column);
  std::int64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

double PostgresRows::real(std::size_t row, int column) const {
  const std::string_view digits = text(row, column);
  double value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

bool PostgresRows::is_null(std::size_t row, int column) const {
  return library_->is_null(result_, static_cast<int>(row), column) != 0;
}

std::uint64_t PostgresRows::changed() const {
  const std::string_view digits = library_->changed(result_);
  std::uint64_t value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

Result<PostgresConnection> PostgresConnection::open(const std::string& address) {
  VALENCE_TRY(const PostgresLibrary* const library, PostgresLibrary::get());
  // What comes before dbname gives way to what the address says.
  constexpr std::array kNames{"connect_timeout",
                              "tcp_user_timeout",
                              "keepalives_idle",
                              "application_name",
                              "dbname",
                              "client_encoding",
                              static_cast<const char*>(nullptr)};
  const std::array kValues{"5", "10000", "10", "valence", address.c_str(), "UTF8", static_cast<const char*>(nullptr)};
  pg_conn* const raw = library->connect(kNames.data(), kValues.data(), 1);
  if (raw == nullptr) return fail(ErrorCode::kOverloaded, "PostgreSQL", "out of memory");
  PostgresConnection connection(*library, raw, "PostgreSQL");
  if (library->status(raw) != CONNECTION_OK) {
    return fail(ErrorCode::kRemote, "PostgreSQL", one_line(library->message(raw)),
                "check that the server runs and the address is right");
  }
  const char* const host = library->host(raw);
  connection.where_ = fmt::format("{}/{}", host == nullptr ? "" : host, library->database(raw));
  VALENCE_TRY_STATUS(
      connection.execute(fmt::format("SET statement_timeout = {}; SET lock_timeout = {};"
                                     " SET client_min_messages = warning; SET search_path = valence;"
                                     " SET standard_conforming_strings = on",
                                     kStatementTimeoutMs, kLockTimeoutMs)));
  return connection;
}

PostgresConnection::PostgresConnection(const PostgresLibrary& library, pg_conn* connection, std::string where)
    : library_(&library), connection_(connection), where_(std::move(where)) {}

PostgresConnection::PostgresConnection(PostgresConnection&& other) noexcept
    : library_(other.library_),
      connection_(std::exchange(other.connection_, nullptr)),
      where_(std::move(other.where_)) {}

PostgresConnection& PostgresConnection::operator=(PostgresConnection&& other) noexcept {
  std::swap(library_, other.library_);
  std::swap(connection_, other.connection_);
  std::swap(where_, other.where_);
  return *this;
}

PostgresConnection::~PostgresConnection() {
  if (connection_ != nullptr) library_->finish(connection_);
}

Error PostgresConnection::error_of(const pg_result* result) const {
  const char* const state = result == nullptr ? nullptr : library_->error_field(result, PG_DIAG_SQLSTATE);
  const char* const primary = result == nullptr ? nullptr : library_->error_field(result, PG_DIAG_MESSAGE_PRIMARY);
  // The primary message alone: details may quote values of rows.
  std::string said = one_line(primary == nullptr ? library_->message(connection_) : primary);
  return error_of_state(state == nullptr ? "" : state, where_, std::move(said));
}

Result<PostgresRows> PostgresConnection::query(const std::string& sql, const std::vector<SqlValue>& values) {
  std::vector<std::string> texts;
  texts.reserve(values.size());
  for (const SqlValue& value : values) {
    texts.push_back(std::visit(
        [](const auto& held) {
          if constexpr (std::is_same_v<std::decay_t<decltype(held)>, std::string>) {
            return held;
          } else {
            return fmt::format("{}", held);
          }
        },
        value));
  }
  std::vector<const char*> pointers;
  for (const std::string& text : texts) pointers.push_back(text.c_str());
  PostgresRows rows(*library_, library_->exec_params(connection_, sql.c_str(), static_cast<int>(pointers.size()),
                                                     nullptr, pointers.data(), nullptr, nullptr, 0));
  pg_result* const result = rows.result();
  const auto status = library_->result_status(result);
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) return fail(error_of(result));
  return rows;
}

Status PostgresConnection::execute(const std::string& sql) {
  const PostgresRows rows(*library_, library_->exec(connection_, sql.c_str()));
  const auto status = library_->result_status(rows.result());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY) {
    return fail(error_of(rows.result()));
  }
  return {};
}

Status PostgresConnection::copy(const std::string& sql, std::string_view lines) {
  {
    const PostgresRows begun(*library_, library_->exec(connection_, sql.c_str()));
    if (library_->result_status(begun.result()) != PGRES_COPY_IN) return fail(error_of(begun.result()));
  }
  constexpr std::size_t kPieceBytes = std::size_t{1} << 20;
  bool sent = true;
  while (sent && !lines.empty()) {
    const std::string_view piece = lines.substr(0, kPieceBytes);
    sent = library_->put_copy(connection_, piece.data(), static_cast<int>(piece.size())) == 1;
    lines.remove_prefix(piece.size());
  }
  sent = library_->end_copy(connection_, sent ? nullptr : "the client gave up") == 1 && sent;
  Status outcome;
  if (!sent) outcome = fail(error_of(nullptr));
  while (pg_result* const result = library_->get_result(connection_)) {
    const PostgresRows ended(*library_, result);
    if (outcome && library_->result_status(result) != PGRES_COMMAND_OK) outcome = fail(error_of(result));
    if (is_broken()) break;
  }
  return outcome;
}

bool PostgresConnection::is_broken() const { return library_->status(connection_) != CONNECTION_OK; }

Result<PostgresTransaction> PostgresTransaction::begin(PostgresConnection& connection) {
  VALENCE_TRY_STATUS(connection.execute("BEGIN"));
  return PostgresTransaction(&connection);
}

PostgresTransaction::PostgresTransaction(PostgresTransaction&& other) noexcept
    : connection_(std::exchange(other.connection_, nullptr)) {}

PostgresTransaction::~PostgresTransaction() {
  if (connection_ == nullptr) return;
  [[maybe_unused]] const Status rolled_back = connection_->execute("ROLLBACK");
}

Status PostgresTransaction::commit() {
  PostgresConnection* const connection = std::exchange(connection_, nullptr);
  return connection->execute("COMMIT");
}

void append_copy_value(std::string& lines, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '\\':
        lines += "\\\\";
        break;
      case '\t':
        lines += "\\t";
        break;
      case '\n':
        lines += "\\n";
        break;
      case '\r':
        lines += "\\r";
        break;
      default:
        lines += c;
    }
  }
}

}  // namespace valence::store
