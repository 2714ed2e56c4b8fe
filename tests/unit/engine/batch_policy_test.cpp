#include "valence/engine/batch_policy.h"

#include <gtest/gtest.h>

namespace valence {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

const int kModel = 0;
const int kOtherModel = 0;
const BatchTime kNow{milliseconds(1000)};

WaitingRequest waiting(std::uint32_t texts, std::uint64_t tokens) {
  return {.model = &kModel, .texts = texts, .tokens = tokens, .admitted = kNow, .deadline = kNow + milliseconds(500)};
}

TEST(ChooseBatch, TakesInOrderUntilTheBudgetIsFull) {
  const std::vector<WaitingRequest> queue{waiting(2, 40), waiting(1, 50), waiting(1, 30)};
  const BatchChoice choice = choose_batch(queue, {.max_tokens = 100}, kNow);
  ASSERT_EQ(choice.takes.size(), 2U);
  EXPECT_EQ(choice.takes[0].request, 0U);
  EXPECT_EQ(choice.takes[0].texts, 2U);
  EXPECT_EQ(choice.takes[1].request, 1U);
  EXPECT_FALSE(choice.wake);
}

TEST(ChooseBatch, ALargeRequestIsTakenInPart) {
  const std::vector<WaitingRequest> queue{waiting(10, 1000)};
  const BatchChoice choice = choose_batch(queue, {.max_tokens = 350}, kNow);
  ASSERT_EQ(choice.takes.size(), 1U);
  EXPECT_EQ(choice.takes[0].texts, 3U);
}

TEST(ChooseBatch, ATextBeyondTheBudgetRunsAlone) {
  const std::vector<WaitingRequest> queue{waiting(1, 1000), waiting(1, 10)};
  const BatchChoice choice = choose_batch(queue, {.max_tokens = 100}, kNow);
  ASSERT_EQ(choice.takes.size(), 1U);
  EXPECT_EQ(choice.takes[0].request, 0U);
  EXPECT_EQ(choice.takes[0].texts, 1U);
}

TEST(ChooseBatch, ModelsDoNotShareABatchAndTheOldestGoesFirst) {
  std::vector<WaitingRequest> queue{waiting(1, 10), waiting(1, 10), waiting(1, 10)};
  queue[1].model = &kOtherModel;
  const BatchChoice choice = choose_batch(queue, {.max_tokens = 100}, kNow);
  ASSERT_EQ(choice.takes.size(), 2U);
  EXPECT_EQ(choice.takes[0].request, 0U);
  EXPECT_EQ(choice.takes[1].request, 2U);
}

TEST(ChooseBatch, ExpiredAndAbandonedRequestsDoNotRun) {
  std::vector<WaitingRequest> queue{waiting(1, 10), waiting(1, 10), waiting(1, 10)};
  queue[0].deadline = kNow;
  queue[1].abandoned = true;
  const BatchChoice choice = choose_batch(queue, {.max_tokens = 100}, kNow);
  EXPECT_EQ(choice.expired, std::vector<std::size_t>{0});
  EXPECT_EQ(choice.abandoned, std::vector<std::size_t>{1});
  ASSERT_EQ(choice.takes.size(), 1U);
  EXPECT_EQ(choice.takes[0].request, 2U);
}

TEST(ChooseBatch, WaitsForCompanyUntilTheOldestHasWaitedLongEnough) {
  const std::vector<WaitingRequest> queue{waiting(1, 10)};
  const BatchLimits limits{.max_tokens = 100, .max_delay = microseconds(2000)};
  const BatchChoice early = choose_batch(queue, limits, kNow);
  EXPECT_TRUE(early.takes.empty());
  EXPECT_EQ(early.wake, kNow + microseconds(2000));
  EXPECT_EQ(choose_batch(queue, limits, kNow + microseconds(2000)).takes.size(), 1U);
}

TEST(ChooseBatch, AFullBatchDoesNotWait) {
  const std::vector<WaitingRequest> queue{waiting(1, 60), waiting(1, 60)};
  const BatchChoice choice = choose_batch(queue, {.max_tokens = 100, .max_delay = microseconds(2000)}, kNow);
  EXPECT_EQ(choice.takes.size(), 1U);
}

TEST(RefuseAdmission, AnEmptyQueueTakesAnyRequest) {
  EXPECT_FALSE(refuse_admission({}, 1'000'000, {.max_requests = 1, .max_tokens = 10}));
}

TEST(RefuseAdmission, RequestsTokensAndTimeEachHaveALimit) {
  const QueueLimits limits{.max_requests = 4, .max_tokens = 100, .max_delay = milliseconds(2000)};
  EXPECT_FALSE(refuse_admission({.requests = 3, .tokens = 60, .wait_seconds = 1.9}, 40, limits));
  EXPECT_TRUE(refuse_admission({.requests = 4, .tokens = 60, .wait_seconds = 1.9}, 40, limits));
  EXPECT_TRUE(refuse_admission({.requests = 3, .tokens = 60, .wait_seconds = 1.9}, 41, limits));
  EXPECT_TRUE(refuse_admission({.requests = 3, .tokens = 60, .wait_seconds = 2.1}, 40, limits));
}

TEST(RefuseAdmission, SaysToComeAgainWhenHalfOfTheQueueIsDone) {
  const auto later = refuse_admission({.requests = 9, .tokens = 0, .wait_seconds = 3}, 1, {.max_requests = 1});
  EXPECT_EQ(later, milliseconds(1500));
}

TEST(Throughput, LaterBatchesCountMore) {
  Throughput throughput;
  EXPECT_EQ(throughput.tokens_per_second(), 0);
  throughput.add(1000, 1);
  EXPECT_DOUBLE_EQ(throughput.tokens_per_second(), 1000);
  for (int i = 0; i < 200; ++i) throughput.add(100, 1);
  EXPECT_NEAR(throughput.tokens_per_second(), 100, 1);
}

}  // namespace
}  // namespace valence
