#include "valence/store/time_bucket.h"

#include <gtest/gtest.h>

namespace valence::store {
namespace {

constexpr std::int64_t kLeapDayMs = 1'709'210'096'789;  // 2024-02-29T12:34:56.789Z, a Thursday

TEST(TimeBucket, BucketsBeginWhereTheCalendarSays) {
  const auto begin = [](TimeBucket bucket) { return rfc3339_ms(bucket_begin(bucket, kLeapDayMs)); };
  EXPECT_EQ(rfc3339_ms(kLeapDayMs), "2024-02-29T12:34:56.789Z");
  EXPECT_EQ(begin(TimeBucket::kMinute), "2024-02-29T12:34:00.000Z");
  EXPECT_EQ(begin(TimeBucket::kHour), "2024-02-29T12:00:00.000Z");
  EXPECT_EQ(begin(TimeBucket::kDay), "2024-02-29T00:00:00.000Z");
  EXPECT_EQ(begin(TimeBucket::kWeek), "2024-02-26T00:00:00.000Z");
  EXPECT_EQ(begin(TimeBucket::kMonth), "2024-02-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339_ms(next_bucket(TimeBucket::kMonth, bucket_begin(TimeBucket::kMonth, kLeapDayMs))),
            "2024-03-01T00:00:00.000Z");
  EXPECT_EQ(rfc3339_ms(bucket_begin(TimeBucket::kDay, -1)), "1969-12-31T00:00:00.000Z");
}

TEST(TimeBucket, TimesAreReadAsPeopleWriteThem) {
  EXPECT_EQ(parse_time_ms("2024-02"), 1'706'745'600'000);
  EXPECT_EQ(parse_time_ms("2024-02-29"), 1'709'164'800'000);
  EXPECT_EQ(parse_time_ms("2024-02-29T12:34"), 1'709'210'040'000);
  EXPECT_EQ(parse_time_ms("2024-02-29 12:34:56.789Z"), kLeapDayMs);
  EXPECT_EQ(parse_time_ms("2024-02-29T13:34:56.7891+01:00"), kLeapDayMs);
  EXPECT_EQ(parse_time_ms("2024-02-29T07:34:56.789-0500"), kLeapDayMs);
  EXPECT_EQ(parse_time_ms("1709210096789"), kLeapDayMs);
}

TEST(TimeBucket, WhatIsNoTimeIsNone) {
  for (const char* text :
       {"", "2024", "2023-02-29", "2024-13", "2024-02-30", "2024-02T10:00", "2024-02-29T24:00", "2024-02-29T10:60",
        "2024-02-29T10:00X", "2024-02-29T10:00:00.", "1969-01-01", "now", "99999999999999999999", "-5"}) {
    EXPECT_EQ(parse_time_ms(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace valence::store
