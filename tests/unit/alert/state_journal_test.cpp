#include "valence/alert/state_journal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/file.h>

#include "support/temporary_directory.h"
#include "valence/base/file.h"
#include "valence/base/random.h"

namespace valence::alert {
namespace {

class Journal : public ::testing::Test {
 protected:
  Result<StateJournal> open() { return StateJournal::open(folder_.path() / "state/alerts.journal"); }
  std::string bytes() { return *read_file(folder_.path() / "state/alerts.journal", 1 << 24); }

  testing::TemporaryDirectory folder_;
};

TEST_F(Journal, LastValueOfAKeyCounts) {
  {
    auto journal = open();
    ASSERT_TRUE(journal) << journal.error().to_string();
    ASSERT_TRUE(journal->put({{"a", "1"}, {"b", R"({"x":"\n"})"}}));
    ASSERT_TRUE(journal->put({{"a", "2"}, {"b", ""}}));
  }
  const auto again = open();
  EXPECT_EQ(again->values(), (std::map<std::string, std::string>{{"a", "2"}}));
}

TEST_F(Journal, FileCutAtEveryByteOpensWithWhatWasWhole) {
  {
    auto journal = open();
    ASSERT_TRUE(journal->put({{"a", "1"}}));
    ASSERT_TRUE(journal->put({{"b", "2"}}));
  }
  const std::string whole = bytes();
  for (std::size_t size = 0; size <= whole.size(); ++size) {
    folder_.write("state/alerts.journal", std::string_view(whole).substr(0, size));
    auto journal = open();
    ASSERT_TRUE(journal) << size << ": " << journal.error().to_string();
    EXPECT_EQ(journal->damaged_lines(), 0U) << size;
    ASSERT_TRUE(journal->put({{"c", "3"}}));
    const auto again = open();
    EXPECT_EQ(again->values().count("c"), 1U) << size;
    EXPECT_EQ(again->values().count("b"), size == whole.size() ? 1U : 0U) << size;
  }
}

TEST_F(Journal, LockThatAnotherProgramKeepsIsNotWaitedForForEver) {
  auto journal = StateJournal::open(folder_.path() / "state/alerts.journal", std::chrono::milliseconds(20));
  ASSERT_TRUE(journal);
  ASSERT_TRUE(journal->put({{"a", "1"}}));
  {
    const Descriptor held(::open((folder_.path() / "state/alerts.journal.lock").c_str(), O_RDWR | O_CLOEXEC));
    ASSERT_EQ(::flock(held.get(), LOCK_EX), 0);
    const Status refused = journal->put({{"a", "2"}});
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code(), ErrorCode::kOverloaded);
    EXPECT_NE(refused.error().to_string().find("alerts.journal.lock"), std::string::npos);
  }
  EXPECT_TRUE(journal->put({{"a", "3"}}));
  EXPECT_EQ(journal->values().at("a"), "3");
}

TEST_F(Journal, TwoWritersSeeEachOther) {
  auto one = open();
  auto two = open();
  ASSERT_TRUE(one->put({{"a", "1"}}));
  ASSERT_TRUE(two->put({{"b", "2"}}));
  const auto news = one->refresh();
  ASSERT_EQ(news->size(), 1U);
  EXPECT_EQ(news->front().key, "b");
  ASSERT_TRUE(two->compact());
  ASSERT_TRUE(two->put({{"c", "3"}}));
  EXPECT_EQ(one->refresh()->size(), 1U);
  EXPECT_EQ(one->values(), two->values());
}

TEST_F(Journal, IsRewrittenWhenMostOfItIsHistory) {
  auto journal = open();
  const std::string value = '"' + std::string(10'000, 'x') + '"';
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(journal->put({{"a", value}}));
  EXPECT_LT(bytes().size(), 2'000'000U);
  EXPECT_EQ(open()->values().at("a"), value);
}

TEST_F(Journal, RandomHistoriesEqualAMap) {
  Random random(5);
  for (int round = 0; round < 30; ++round) {
    std::map<std::string, std::string> model = open()->values();
    auto journal = open();
    for (int i = 0; i < 20; ++i) {
      const std::string key = "key " + std::to_string(random.below(8));
      const std::string value = random.below(3) == 0 ? "" : std::to_string(random.below(1000));
      ASSERT_TRUE(journal->put({{key, value}}));
      if (value.empty()) {
        model.erase(key);
      } else {
        model[key] = value;
      }
      if (random.below(10) == 0) ASSERT_TRUE(journal->compact());
    }
    EXPECT_EQ(open()->values(), model);
  }
}

TEST_F(Journal, ForeignFileIsRefusedAndLeftAlone) {
  open();
  folder_.write("state/alerts.journal", "a file of somebody else's, which is not a journal at all\n");
  const auto refused = open();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), ErrorCode::kInvalidData);
  EXPECT_EQ(bytes(), "a file of somebody else's, which is not a journal at all\n");
}

}  // namespace
}  // namespace valence::alert
