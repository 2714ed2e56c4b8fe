#include "unit/store/history_contract.h"
#include "unit/store/history_records.h"

namespace valence::store::testing {
namespace {

constexpr std::int64_t kMinuteMs = 60'000;

TEST_P(HistoryContract, ATrendCountsLabelsByBucketStreamAndChannel) {
  write(
      {stored({.id = "1", .time_ms = kNoonMs, .label = "negative", .score = 0.9F, .stream = "s", .channel = "ios"}),
       stored({.id = "2", .time_ms = kNoonMs + 1, .label = "negative", .score = 0.7F, .stream = "s", .channel = "web"}),
       stored({.id = "3", .time_ms = kNoonMs + kMinuteMs, .label = "positive", .score = 0.6F, .stream = "s"}),
       stored({.id = "4", .time_ms = kNoonMs + 20 * kDayMs, .label = "neutral", .score = 0.5F, .stream = "t"})},
      4);
  const auto minutes = store_->trend({.bucket = TimeBucket::kMinute, .stream = "s"});
  ASSERT_TRUE(minutes) << minutes.error().to_string();
  EXPECT_EQ(minutes->labels, (Ids{"negative", "positive"}));
  ASSERT_EQ(minutes->points.size(), 2U);
  EXPECT_EQ(minutes->points[0].from_ms, kNoonMs);
  EXPECT_EQ(minutes->points[0].labels[0].texts, 2U);
  EXPECT_NEAR(minutes->points[0].labels[0].mean_score(), 0.8, 1e-6);
  EXPECT_EQ(minutes->points[0].labels[1].texts, 0U);
  EXPECT_EQ(minutes->points[1].from_ms, kNoonMs + kMinuteMs);

  const auto months = store_->trend({.bucket = TimeBucket::kMonth, .by_stream = true});
  ASSERT_TRUE(months);
  ASSERT_EQ(months->points.size(), 2U);
  EXPECT_EQ(bucket_name(TimeBucket::kMonth, months->points[0].from_ms), "2026-01");
  EXPECT_EQ(months->points[0].stream, "s");
  EXPECT_EQ(months->points[0].total().texts, 3U);
  EXPECT_EQ(bucket_name(TimeBucket::kMonth, months->points[1].from_ms), "2026-02");
  EXPECT_EQ(months->points[1].stream, "t");

  const auto channels = store_->trend({.bucket = TimeBucket::kHour, .stream = "s", .by_channel = true});
  ASSERT_TRUE(channels);
  ASSERT_EQ(channels->points.size(), 3U);
  EXPECT_EQ(channels->points[0].channel, "");
  EXPECT_EQ(channels->points[1].channel, "ios");
  EXPECT_EQ(channels->points[2].channel, "web");

  // A period is widened to whole buckets: the second text's millisecond lies in the first minute.
  const auto part = store_->trend({.bucket = TimeBucket::kMinute, .from_ms = kNoonMs + 1, .to_ms = kNoonMs + 2});
  ASSERT_TRUE(part);
  ASSERT_EQ(part->points.size(), 1U);
  EXPECT_EQ(part->points[0].total().texts, 2U);
}

TEST_P(HistoryContract, ATrendOfMoreCountsThanAskedForIsRefused) {
  write({stored({.id = "1", .time_ms = kNoonMs, .label = "negative", .stream = "s"}),
         stored({.id = "2", .time_ms = kNoonMs + kDayMs, .label = "negative", .stream = "s"}),
         stored({.id = "3", .time_ms = kNoonMs + 2 * kDayMs, .label = "negative", .stream = "s"}),
         stored({.id = "4", .time_ms = kNoonMs + 2 * kDayMs, .label = "positive", .stream = "t"})},
        4);
  // Days become one month on the way.
  EXPECT_TRUE(store_->trend({.bucket = TimeBucket::kMonth, .max_counts = 2}));
  EXPECT_TRUE(store_->trend({.bucket = TimeBucket::kDay, .stream = "s", .max_counts = 3}));
  EXPECT_TRUE(store_->trend({.bucket = TimeBucket::kDay, .by_stream = true, .max_counts = 8}));
  // Four points, two labels each, of which one is 0.
  for (const std::size_t most : {7U, 4U, 3U, 1U}) {
    const auto refused = store_->trend({.bucket = TimeBucket::kDay, .by_stream = true, .max_counts = most});
    ASSERT_FALSE(refused) << most;
    EXPECT_EQ(refused.error().code(), ErrorCode::kUnsupported);
  }
}

}  // namespace
}  // namespace valence::store::testing
