#include "valence/server/activity.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

namespace valence::server {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void classify(Activity& activity, std::size_t texts) {
  ASSERT_TRUE(activity.write(std::vector<pipeline::ClassifiedRecord>(texts)).has_value());
}

TEST(Activity, CountsTextsAndTheirRateOverTheLastTenWholeSeconds) {
  ManualClock clock;
  Activity activity(clock);
  classify(activity, 30);
  EXPECT_EQ(activity.texts().total, 30U);
  EXPECT_EQ(activity.texts().per_second, 0);  // its second is not over
  clock.advance(seconds(1));
  classify(activity, 20);
  EXPECT_DOUBLE_EQ(activity.texts().per_second, 3);
  clock.advance(seconds(9));
  EXPECT_DOUBLE_EQ(activity.texts().per_second, 5);
  clock.advance(seconds(1));
  EXPECT_DOUBLE_EQ(activity.texts().per_second, 2);
  clock.advance(seconds(1000));
  EXPECT_EQ(activity.texts().per_second, 0);
  EXPECT_EQ(activity.texts().total, 50U);
}

TEST(Activity, LatencyIsThatOfTheLastFiveMinutes) {
  ManualClock clock;
  Activity activity(clock);
  EXPECT_FALSE(activity.latency());
  activity.add_request(10);
  clock.advance(seconds(200));
  activity.add_request(0.001);
  ASSERT_TRUE(activity.latency());
  EXPECT_EQ(activity.latency()->requests, 2U);
  clock.advance(seconds(150));
  EXPECT_EQ(activity.latency()->requests, 1U);
  clock.advance(seconds(300));
  EXPECT_FALSE(activity.latency());
}

TEST(Activity, QuantilesAreWithinTwoPercent) {
  ManualClock clock;
  Activity activity(clock);
  // 1 ms to 1,000 ms in steps of 1 ms: the quantiles by nearest rank are 500, 900 and 990 ms.
  for (int ms = 1; ms <= 1000; ++ms) activity.add_request(ms / 1000.0);
  const auto latency = activity.latency();
  ASSERT_TRUE(latency);
  EXPECT_EQ(latency->requests, 1000U);
  EXPECT_NEAR(latency->p50_ms, 500, 500 * 0.02);
  EXPECT_NEAR(latency->p90_ms, 900, 900 * 0.02);
  EXPECT_NEAR(latency->p99_ms, 990, 990 * 0.02);
}

TEST(Activity, LatenciesBeyondTheScaleAreCountedAtItsEnds) {
  ManualClock clock;
  Activity activity(clock);
  activity.add_request(0);
  EXPECT_LT(activity.latency()->p50_ms, 0.002);
  activity.add_request(1e9);
  EXPECT_GT(activity.latency()->p99_ms, 250'000);
}

}  // namespace
}  // namespace valence::server
