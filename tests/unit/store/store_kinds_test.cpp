#include "unit/store/store_kinds.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "support/temporary_directory.h"
#include "unit/store/postgres_server.h"
#include "valence/store/postgres_store.h"
#include "valence/store/sqlite_store.h"

namespace valence::store::testing {
namespace {

class SqliteHome final : public StoreHome {
 public:
  Result<std::unique_ptr<HistoryStore>> open(const Clock& clock) override {
    VALENCE_TRY(auto store, SqliteStore::open(directory_.path() / "history.db", {.clock = &clock}));
    return std::unique_ptr<HistoryStore>(std::move(store));
  }

  std::optional<std::string> bytes_on_disk() override {
    std::string bytes;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.path())) {
      std::ifstream file(entry.path(), std::ios::binary);
      bytes.append(std::istreambuf_iterator<char>(file), {});
    }
    return bytes;
  }

 private:
  valence::testing::TemporaryDirectory directory_;
};

/// A database of its own on the one server that the tests start.
class PostgresHome final : public StoreHome {
 public:
  explicit PostgresHome(PostgresServer& server) : address_(server.new_database()) {}

  Result<std::unique_ptr<HistoryStore>> open(const Clock& clock) override {
    return std::make_unique<PostgresStore>(address_, PostgresStoreOptions{.clock = &clock});
  }
  std::optional<std::string> bytes_on_disk() override { return std::nullopt; }

 private:
  std::string address_;
};

}  // namespace

std::vector<StoreKind> store_kinds() {
  return {{"Sqlite", [] { return std::make_unique<SqliteHome>(); }},
          {"Postgres", []() -> std::unique_ptr<StoreHome> {
             PostgresServer* const server = PostgresServer::shared();
             return server == nullptr ? nullptr : std::make_unique<PostgresHome>(*server);
           }}};
}

}  // namespace valence::store::testing
