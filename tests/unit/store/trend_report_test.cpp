#include "valence/store/trend_report.h"

#include <gtest/gtest.h>

#include "support/temporary_directory.h"
#include "unit/store/history_records.h"
#include "valence/base/random.h"
#include "valence/store/sqlite_store.h"

namespace valence::store::testing {
namespace {

constexpr std::int64_t kJanuaryMs = 1'767'225'600'000;   // 2026-01-01T00:00:00Z
constexpr std::int64_t kFebruaryMs = 1'769'904'000'000;  // 2026-02-01T00:00:00Z

class TrendReportTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = SqliteStore::open(directory_.path() / "history.db");
    ASSERT_TRUE(opened) << opened.error().to_string();
    store_ = std::move(*opened);
  }

  /// `texts` records at `time_ms`, the first `negative` of them negative.
  void add(std::int64_t time_ms, int texts, int negative, const std::string& stream,
           const std::string& text = "words") {
    std::vector<StoredRecord> records;
    for (int i = 0; i < texts; ++i) {
      records.push_back(stored({.id = "r" + std::to_string(next_++),
                                .time_ms = time_ms,
                                .label = i < negative ? "negative" : "positive",
                                .text = text,
                                .stream = stream}));
    }
    ASSERT_TRUE(store_->write(records));
  }

  valence::testing::TemporaryDirectory directory_;
  std::unique_ptr<SqliteStore> store_;
  int next_ = 0;
};

TEST_F(TrendReportTest, SharesIntervalsAndChangesAreThoseWorkedOutByHand) {
  add(kJanuaryMs, 100, 10, "s");
  add(kFebruaryMs, 100, 30, "s");
  const auto report = make_trend_report(*store_, {});
  ASSERT_TRUE(report) << report.error().to_string();
  EXPECT_EQ(report->label, "negative");
  ASSERT_EQ(report->periods.size(), 2U);
  EXPECT_EQ(report->periods[0].texts, 100U);
  EXPECT_EQ(report->periods[0].hits, 10U);
  // Wilson's interval of 10 of 100 at 95 %: 0.0552 to 0.1744 (Agresti & Coull's form, z = 1.96).
  EXPECT_NEAR(report->periods[0].interval.low, 0.0552, 1e-4);
  EXPECT_NEAR(report->periods[0].interval.high, 0.1744, 1e-4);
  EXPECT_FALSE(report->periods[0].change);
  ASSERT_TRUE(report->periods[1].change);
  EXPECT_NEAR(*report->periods[1].change, 0.2, 1e-12);
  // z = 0.2 / sqrt(0.2 * 0.8 * 2 / 100) = 3.5355; two-sided p = 0.000407.
  EXPECT_NEAR(report->periods[1].p_value, 0.000407, 1e-6);
}

TEST_F(TrendReportTest, DriversAddUpToTheChangeAndNameTheStreamThatMoved) {
  add(kJanuaryMs, 100, 10, "calm");
  add(kJanuaryMs, 100, 10, "stormy");
  add(kFebruaryMs, 100, 10, "calm");
  add(kFebruaryMs, 300, 120, "stormy");
  const auto report = make_trend_report(*store_, {});
  ASSERT_TRUE(report);
  ASSERT_EQ(report->streams.size(), 2U);
  EXPECT_EQ(report->streams[0].stream, "stormy");
  EXPECT_EQ(report->streams[0].hits, 120U);
  // Now 3/4 of the texts at 40 %, 30 points above January's 10 %: 22.5 points. The other has not moved.
  EXPECT_NEAR(report->streams[0].contribution, 0.225, 1e-12);
  EXPECT_NEAR(report->streams[1].contribution, 0, 1e-12);
  EXPECT_NEAR(report->streams[0].contribution + report->streams[1].contribution, *report->periods[1].change, 1e-12);
}

TEST_F(TrendReportTest, WordsThatAreNewAmongTheNegativeAreNamed) {
  add(kJanuaryMs, 50, 50, "s", "the delivery was late");
  add(kFebruaryMs, 50, 50, "s", "the app crashed was late");
  const auto report = make_trend_report(*store_, {.words = 2});
  ASSERT_TRUE(report);
  EXPECT_EQ(report->word_texts, 50U);
  ASSERT_EQ(report->new_words.size(), 2U);
  EXPECT_EQ(report->new_words[0].word, "app");
  EXPECT_EQ(report->new_words[1].word, "crashed");
  EXPECT_EQ(report->new_words[0].texts, 50U);
  EXPECT_EQ(report->new_words[0].rest_texts, 0U);
}

TEST_F(TrendReportTest, MonthsWithoutTextsAreTold) {
  add(kJanuaryMs, 10, 1, "s");
  add(kFebruaryMs + 31LL * 86'400'000, 10, 1, "s");  // 2026-03-04
  const auto report = make_trend_report(*store_, {});
  ASSERT_TRUE(report);
  ASSERT_EQ(report->periods.size(), 3U);
  EXPECT_EQ(report->periods[1].texts, 0U);
  EXPECT_FALSE(report->periods[1].change);
  EXPECT_FALSE(report->periods[2].change);
  EXPECT_TRUE(report->streams.empty());
}

TEST_F(TrendReportTest, WithoutRecordsOrANegativeLabelItSaysWhatToDo) {
  EXPECT_EQ(make_trend_report(*store_, {}).error().code(), ErrorCode::kNotFound);
  ASSERT_TRUE(store_->write(std::vector{stored({.id = "a", .time_ms = kJanuaryMs, .label = "bug"})}));
  const auto none = make_trend_report(*store_, {});
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().hint().find("bug"), std::string::npos);
  EXPECT_TRUE(make_trend_report(*store_, {.label = "bug"}));
  EXPECT_FALSE(make_trend_report(*store_, {.label = "refund"}));
}

TEST_F(TrendReportTest, FiguresAreThoseOfSqlOverTheRecords) {
  Random random(11);
  std::vector<StoredRecord> records;
  for (int i = 0; i < 5000; ++i) {
    records.push_back(stored({.id = "q" + std::to_string(i),
                              .time_ms = kJanuaryMs + static_cast<std::int64_t>(random.below(400ULL * 86'400'000)),
                              .label = random.below(4) == 0 ? "negative" : "positive",
                              .score = static_cast<float>(random.below(1'000'000)) / 1e6F,
                              .text = "",
                              .stream = random.below(2) == 0 ? "a" : "b"}));
  }
  ASSERT_TRUE(store_->write(records));
  ASSERT_TRUE(store_->erase({.to_ms = kJanuaryMs + 40LL * 86'400'000, .stream = "a"}, {}));
  const auto report = make_trend_report(*store_, {});
  ASSERT_TRUE(report) << report.error().to_string();
  auto database = SqliteDatabase::open(directory_.path() / "history.db", {});
  ASSERT_TRUE(database);
  auto rows = database->prepare(
      "SELECT strftime('%Y-%m', time_ms / 1000, 'unixepoch'), count(*), sum(label = 'negative'),"
      " avg(CASE WHEN label = 'negative' THEN score END) FROM record GROUP BY 1 ORDER BY 1");
  ASSERT_TRUE(rows);
  for (const PeriodFigures& period : report->periods) {
    const auto row = rows->step();
    ASSERT_TRUE(row && *row);
    EXPECT_EQ(bucket_name(TimeBucket::kMonth, period.from_ms), rows->text(0));
    EXPECT_EQ(period.texts, static_cast<std::uint64_t>(rows->integer(1)));
    EXPECT_EQ(period.hits, static_cast<std::uint64_t>(rows->integer(2)));
    EXPECT_NEAR(period.labels[0].mean_score(), rows->real(3), 1e-6);
  }
  const auto more = rows->step();
  EXPECT_TRUE(more && !*more);
}

}  // namespace
}  // namespace valence::store::testing
