#include "valence/net/retry.h"

#include <gtest/gtest.h>

namespace valence::net {
namespace {

using std::chrono::seconds;

const RetrySchedule::Clock::time_point kStart{};

TEST(RetrySchedule, WaitsGrowToEightSeconds) {
  RetrySchedule schedule(seconds(1000), kStart);
  for (const int expected : {1, 2, 4, 8, 8, 8}) EXPECT_EQ(schedule.next_wait(kStart, std::nullopt), seconds(expected));
}

TEST(RetrySchedule, EndsWhenNothingArrivedForAsLongAsPatienceLasts) {
  RetrySchedule schedule(seconds(10), kStart);
  EXPECT_EQ(schedule.next_wait(kStart + seconds(9), std::nullopt), seconds(1));
  EXPECT_EQ(schedule.next_wait(kStart + seconds(9), std::nullopt), std::nullopt);
  schedule.progress(kStart + seconds(9));
  EXPECT_EQ(schedule.next_wait(kStart + seconds(18), std::nullopt), seconds(1));
}

TEST(RetrySchedule, ServerMayAskForMoreTimeWithinTheDeadline) {
  RetrySchedule schedule(seconds(60), kStart);
  EXPECT_EQ(schedule.next_wait(kStart, seconds(30)), seconds(30));
  EXPECT_EQ(schedule.next_wait(kStart, seconds(61)), std::nullopt);
}

TEST(RetrySchedule, WithoutPatienceThereIsOneAttempt) {
  RetrySchedule schedule(seconds(0), kStart);
  EXPECT_EQ(schedule.next_wait(kStart, std::nullopt), std::nullopt);
}

TEST(RetryAfter, IsANumberOfSeconds) {
  EXPECT_EQ(parse_retry_after("120"), seconds(120));
  EXPECT_EQ(parse_retry_after("0"), seconds(0));
  EXPECT_EQ(parse_retry_after("99999999999999"), seconds(24 * 3600));
  for (const char* value : {"", "-1", "1.5", "Wed, 21 Oct 2015 07:28:00 GMT", "10 s"}) {
    EXPECT_EQ(parse_retry_after(value), std::nullopt) << value;
  }
}

}  // namespace
}  // namespace valence::net
