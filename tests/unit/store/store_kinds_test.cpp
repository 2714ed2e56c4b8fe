#include "unit/store/store_kinds.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "support/temporary_directory.h"
#include "valence/store/sqlite_store.h"

namespace valence::store::testing {
namespace {

class SqliteHome final : public StoreHome {
 public:
  Result<std::unique_ptr<HistoryStore>> open(const Clock& clock) override {
    VALENCE_TRY(auto store, SqliteStore::open(directory_.path() / "history.db", {.clock = &clock}));
    return std::unique_ptr<HistoryStore>(std::move(store));
  }

  std::string bytes_on_disk() override {
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

}  // namespace

std::vector<StoreKind> store_kinds() {
  return {{"Sqlite", [] { return std::make_unique<SqliteHome>(); }}};
}

}  // namespace valence::store::testing
