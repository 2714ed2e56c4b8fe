#include "valence/store/sqlite_store.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <map>
#include <thread>

#include "support/temporary_directory.h"
#include "unit/store/history_records.h"
#include "valence/base/random.h"
#include "valence/store/search_words.h"
#include "valence/store/sqlite_schema.h"

namespace valence::store::testing {
namespace {

namespace fs = std::filesystem;

class SqliteStoreTest : public ::testing::Test {
 protected:
  std::unique_ptr<SqliteStore> open(SqliteStoreOptions::Mode mode = SqliteStoreOptions::Mode::kCreate) {
    auto opened = SqliteStore::open(path_, {.mode = mode});
    EXPECT_TRUE(opened) << opened.error().to_string();
    return opened ? std::move(*opened) : nullptr;
  }

  void execute(const std::string& sql) {
    auto database = SqliteDatabase::open(path_, {.mode = SqliteDatabase::Mode::kCreate});
    ASSERT_TRUE(database);
    const Status done = database->execute(sql);
    ASSERT_TRUE(done) << done.error().to_string();
  }

  ErrorCode refusal() {
    const auto opened = SqliteStore::open(path_);
    EXPECT_FALSE(opened);
    if (opened) return ErrorCode::kInternal;
    EXPECT_NE(opened.error().to_string().find("history.db"), std::string::npos);
    return opened.error().code();
  }

  valence::testing::TemporaryDirectory directory_;
  fs::path path_ = directory_.path() / "history.db";
};

TEST_F(SqliteStoreTest, ANewerSchemaIsRefusedAndLeftAsItWas) {
  open();
  execute("PRAGMA user_version = 99");
  EXPECT_EQ(refusal(), ErrorCode::kUnsupported);
  auto database = SqliteDatabase::open(path_, {});
  ASSERT_TRUE(database);
  EXPECT_EQ(database->integer("PRAGMA user_version").value_or(0), 99);
}

TEST_F(SqliteStoreTest, ADatabaseOfAnotherProgramIsRefused) {
  execute("CREATE TABLE bookmarks(url TEXT)");
  EXPECT_EQ(refusal(), ErrorCode::kInvalidData);
}

TEST_F(SqliteStoreTest, WhatIsNoDatabaseIsRefused) {
  directory_.write("history.db", std::string(5000, 'x'));
  EXPECT_EQ(refusal(), ErrorCode::kInvalidData);
}

TEST_F(SqliteStoreTest, AMissingHistoryIsNotFoundUnlessItIsToBeKept) {
  const auto opened = SqliteStore::open(path_, {.mode = SqliteStoreOptions::Mode::kReadOnly});
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code(), ErrorCode::kNotFound);
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(SqliteStoreTest, OpenedToReadItAnswersAndRefusesToWrite) {
  ASSERT_TRUE(open()->write(std::vector{stored({.id = "a", .time_ms = 1})}));
  const auto store = open(SqliteStoreOptions::Mode::kReadOnly);
  EXPECT_EQ(store->count({}).value_or(0), 1U);
  EXPECT_FALSE(store->write(std::vector{stored({.id = "b", .time_ms = 1})}));
  EXPECT_FALSE(store->erase({}, {}));
}

TEST_F(SqliteStoreTest, AFullDiskIsAnErrorThatChangesNothingAndPasses) {
  std::signal(SIGXFSZ, SIG_IGN);
  const auto store = open();
  ASSERT_TRUE(store->write(std::vector{stored({.id = "a", .time_ms = 1})}));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 400 << 10;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  std::vector<StoredRecord> many;
  for (int i = 0; i < 2000; ++i) {
    many.push_back(stored({.id = "m" + std::to_string(i), .time_ms = i, .text = std::string(1000, 'x')}));
  }
  const auto refused = store->write(many);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kIo) << refused.error().to_string();
  EXPECT_EQ(store->count({}).value_or(0), 1U);
  const auto written = store->write(many);
  ASSERT_TRUE(written) << written.error().to_string();
  EXPECT_EQ(*written, 2000U);
}

TEST_F(SqliteStoreTest, AMigrationKeepsACopyAndIsWholeOrNotAtAll) {
  ASSERT_TRUE(open()->write(std::vector{stored({.id = "a", .time_ms = 1})}));
  std::vector<SqliteMigration> migrations(sqlite_migrations().begin(), sqlite_migrations().end());
  migrations.push_back({2, "ALTER TABLE record ADD COLUMN extra TEXT NOT NULL DEFAULT ''; CREATE TABLE broken(;"});
  auto database = SqliteDatabase::open(path_, {});
  ASSERT_TRUE(database);
  EXPECT_FALSE(migrate_sqlite(*database, path_, migrations));
  EXPECT_EQ(database->integer("PRAGMA user_version").value_or(0), 1);
  EXPECT_FALSE(database->prepare("SELECT extra FROM record"));
  migrations.back().sql = "ALTER TABLE record ADD COLUMN extra TEXT NOT NULL DEFAULT ''";
  const Status migrated = migrate_sqlite(*database, path_, migrations);
  ASSERT_TRUE(migrated) << migrated.error().to_string();
  EXPECT_EQ(database->integer("PRAGMA user_version").value_or(0), 2);
  EXPECT_TRUE(database->prepare("SELECT extra FROM record"));
  auto copy = SqliteDatabase::open(sqlite_backup_path(path_, 1), {});
  ASSERT_TRUE(copy);
  EXPECT_EQ(copy->integer("PRAGMA user_version").value_or(0), 1);
  EXPECT_EQ(copy->integer("SELECT count(*) FROM record").value_or(0), 1);
}

TEST_F(SqliteStoreTest, AnySequenceOfActionsLeavesWhatAPlainModelHolds) {
  Random random(2026);
  const std::vector<std::string> labels{"negative", "neutral", "positive"};
  const std::vector<std::string> words{"battery", "screen", "café", "電池", "late"};
  auto store = open();
  std::map<std::string, StoredRecord> model;
  std::map<std::string, bool> deleted;
  for (int action = 0; action < 600; ++action) {
    switch (random.below(8)) {
      case 0: {
        const std::string stream = "s" + std::to_string(random.below(3));
        const std::int64_t to_ms = static_cast<std::int64_t>(random.below(5'000'000));
        const auto erased = store->erase({.to_ms = to_ms, .stream = stream}, {});
        ASSERT_TRUE(erased);
        const auto gone = std::erase_if(model, [&](const auto& entry) {
          const auto& record = entry.second.record;
          const bool goes = record.stream == stream && record.time_ms < to_ms;
          if (goes) deleted[entry.first] = true;
          return goes;
        });
        ASSERT_EQ(erased->records, gone);
        break;
      }
      case 1:
        store.reset();
        store = open();
        break;
      case 2: {
        const std::string& word = words[random.below(words.size())];
        const auto hits = store->count({.search = word});
        ASSERT_TRUE(hits);
        const auto terms = search_terms(word);
        const auto expected = std::ranges::count_if(model, [&](const auto& entry) {
          const std::string in = " " + search_words(entry.second.record.text) + " ";
          return std::ranges::all_of(terms,
                                     [&](const auto& term) { return in.find(" " + term.word + " ") != in.npos; });
        });
        ASSERT_EQ(*hits, static_cast<std::uint64_t>(expected)) << word;
        break;
      }
      default: {
        std::vector<StoredRecord> batch;
        std::size_t fresh = 0;
        for (std::uint64_t i = random.below(20); i > 0; --i) {
          batch.push_back(stored({.id = std::to_string(random.below(2000)),
                                  .time_ms = static_cast<std::int64_t>(random.below(10'000'000)),
                                  .label = labels[random.below(3)],
                                  .score = static_cast<float>(random.below(1000)) / 1000,
                                  .text = words[random.below(5)] + " " + words[random.below(5)],
                                  .stream = "s" + std::to_string(random.below(3))}));
          const std::string& id = batch.back().record.id;
          if (!deleted.contains(id) && model.emplace(id, batch.back()).second) ++fresh;
        }
        const auto written = store->write(batch);
        ASSERT_TRUE(written);
        ASSERT_EQ(*written, fresh);
      }
    }
  }
  std::map<std::string, std::uint64_t> by_label;
  for (const auto& [id, entry] : model) ++by_label[entry.record.label];
  const auto trend = store->trend({.bucket = TimeBucket::kMonth});
  ASSERT_TRUE(trend);
  ASSERT_EQ(trend->points.size(), 1U);
  for (std::size_t i = 0; i < trend->labels.size(); ++i) {
    EXPECT_EQ(trend->points[0].labels[i].texts, by_label[trend->labels[i]]);
  }
  std::size_t seen = 0;
  ASSERT_TRUE(store->scan({}, [&](const StoredRecord& record) {
    const auto known = model.find(record.record.id);
    EXPECT_NE(known, model.end());
    if (known != model.end()) {
      EXPECT_EQ(known->second.record.time_ms, record.record.time_ms);
    }
    ++seen;
    return true;
  }));
  EXPECT_EQ(seen, model.size());
}

TEST_F(SqliteStoreTest, WritersGetTheirTurnBetweenTheBatchesOfARetention) {
  const auto store = open();
  std::vector<StoredRecord> old;
  for (int i = 0; i < 40'000; ++i) old.push_back(stored({.id = "old" + std::to_string(i), .time_ms = i}));
  ASSERT_TRUE(store->write(old));
  std::atomic<bool> is_over = false;
  int written = 0;
  std::thread writer([&] {
    for (; !is_over; ++written) {
      EXPECT_TRUE(store->write(std::vector{stored({.id = "new" + std::to_string(written), .time_ms = 1'000'000})}));
    }
  });
  const auto erased = store->retain({.max_age_ms = 1}, 500'000);
  is_over = true;
  writer.join();
  ASSERT_TRUE(erased) << erased.error().to_string();
  EXPECT_EQ(erased->records, 40'000U);
  EXPECT_GE(written, 6);  // one before, one after, and some of those between eight batches
}

}  // namespace
}  // namespace valence::store::testing
