#include "valence/cli/progress.h"

#include <gtest/gtest.h>

namespace valence::cli {
namespace {

using namespace std::chrono_literals;

TEST(Progress, KnownSizeShowsBarShareRateAndTimeLeft) {
  const ProgressState state{
      .rows = 12'345, .failed = 2, .bytes_skipped = 0, .bytes_done = 25, .bytes_total = 100, .elapsed = 10s};
  EXPECT_EQ(render_progress(state, 200), "[#####---------------]  25 %  12,345 rows  2 failed  1,234 rows/s  ETA 0:30");
}

TEST(Progress, TimeLeftOfAResumedRunCountsOnlyWhatThisRunHasDone) {
  const ProgressState state{
      .rows = 100, .failed = 0, .bytes_skipped = 50, .bytes_done = 60, .bytes_total = 100, .elapsed = 10s};
  EXPECT_TRUE(render_progress(state, 200).ends_with("ETA 0:40")) << render_progress(state, 200);
}

TEST(Progress, PipeShowsElapsedTimeInsteadOfAnEnd) {
  const ProgressState state{
      .rows = 100, .failed = 0, .bytes_skipped = 0, .bytes_done = 25, .bytes_total = std::nullopt, .elapsed = 65s};
  EXPECT_EQ(render_progress(state, 200), "100 rows  1 rows/s  1:05");
}

TEST(Progress, DownloadCountsOnlyWhatThisRunFetchedInItsRate) {
  const DownloadState state{.file = "model.safetensors",
                            .bytes_before = 100'000'000,
                            .bytes_done = 120'000'000,
                            .bytes_total = 268'000'000,
                            .elapsed = 10s};
  EXPECT_EQ(render_progress(state, 200),
            "[########------------]  44 %  120.0 of 268.0 MB  2.0 MB/s  ETA 1:14  model.safetensors");
  for (const std::size_t width : {10, 60, 75, 80}) EXPECT_LE(render_progress(state, width).size(), width);
}

TEST(Progress, DownloadShowsAHostileNameAsText) {
  const DownloadState state{.file = "a\x1b[2Jb", .bytes_done = 1, .bytes_total = 1, .elapsed = 1s};
  EXPECT_EQ(render_progress(state, 200).find('\x1b'), std::string::npos);
}

TEST(Progress, LineNeverExceedsTheTerminal) {
  const ProgressState state{
      .rows = 12'345, .failed = 0, .bytes_skipped = 0, .bytes_done = 25, .bytes_total = 100, .elapsed = 10s};
  EXPECT_EQ(render_progress(state, 10).size(), 10U);
}

TEST(Progress, BarIsFullWhenMoreWasReadThanTheFileHad) {
  const ProgressState state{
      .rows = 1, .failed = 0, .bytes_skipped = 0, .bytes_done = 300, .bytes_total = 100, .elapsed = 1s};
  EXPECT_TRUE(render_progress(state, 200).starts_with("[####################] 100 %"));
}

TEST(ClockTime, HoursAppearOnlyWhenThereAreAny) {
  EXPECT_EQ(clock_time(7s), "0:07");
  EXPECT_EQ(clock_time(754s), "12:34");
  EXPECT_EQ(clock_time(3723s), "1:02:03");
}

TEST(Thousands, AreSetApart) {
  EXPECT_EQ(with_thousands(0), "0");
  EXPECT_EQ(with_thousands(999), "999");
  EXPECT_EQ(with_thousands(1'234'567), "1,234,567");
}

}  // namespace
}  // namespace valence::cli
