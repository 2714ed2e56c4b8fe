#include "valence/engine/batch_planner.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace valence {
namespace {

TEST(BatchPlanner, LongSequencesComeFirstAndBudgetsHold) {
  const std::vector<std::uint32_t> lengths{3, 10, 4, 10, 2};
  EXPECT_EQ(plan_batches(lengths, 14), (BatchPlan{{1}, {3, 2}, {0, 4}}));
}

TEST(BatchPlanner, SequenceOverTheBudgetRunsAlone) {
  const std::vector<std::uint32_t> lengths{100, 3};
  EXPECT_EQ(plan_batches(lengths, 10), (BatchPlan{{0}, {1}}));
}

TEST(BatchPlanner, NoSequencesGiveNoBatches) {
  EXPECT_TRUE(plan_batches({}, 10).empty());
  EXPECT_TRUE(plan_batches(std::vector<std::uint32_t>{0, 0}, 10).empty());
}

TEST(BatchPlanner, EveryIndexOccursOnceForAnyLengths) {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::vector<std::uint32_t> lengths(random() % 100);
    for (auto& length : lengths) length = 1 + random() % 512;
    const std::size_t budget = 1 + random() % 2000;
    std::vector<int> seen(lengths.size());
    for (const auto& batch : plan_batches(lengths, budget)) {
      std::size_t tokens = 0;
      for (const auto index : batch) {
        ++seen[index];
        tokens += lengths[index];
      }
      EXPECT_TRUE(tokens <= budget || batch.size() == 1);
    }
    EXPECT_TRUE(std::all_of(seen.begin(), seen.end(), [](int count) { return count == 1; }));
  }
}

TEST(BatchBudget, SharesWhatIsLeftBetweenWorkers) {
  const std::vector<std::uint32_t> sixty(60, 10);  // 600 tokens
  EXPECT_EQ(batch_budget(sixty, 512, 1), 306U);    // two rounds of one worker
  EXPECT_EQ(batch_budget(sixty, 512, 2), 306U);
  EXPECT_EQ(plan_batches(sixty, 306).size(), 2U);
  EXPECT_EQ(batch_budget(sixty, 512, 3), 206U);
  const std::vector<std::uint32_t> many(10'000, 10);  // 196 batches: nothing to gain
  EXPECT_NEAR(static_cast<double>(batch_budget(many, 512, 2)), 512.0, 6.0);
}

TEST(BatchBudget, OneBatchStaysOne) {
  const std::vector<std::uint32_t> lengths{100, 200};
  EXPECT_EQ(batch_budget(lengths, 512, 8), 512U);
  EXPECT_EQ(batch_budget({}, 512, 2), 512U);
}

}  // namespace
}  // namespace valence
