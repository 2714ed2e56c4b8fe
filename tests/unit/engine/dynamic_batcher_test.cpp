#include "valence/engine/dynamic_batcher.h"

#include <gtest/gtest.h>

#include <future>

namespace valence {
namespace {

using std::chrono::milliseconds;

std::shared_ptr<const Classifier> built_in() {
  static const auto classifier = Classifier::load_default({.threads = 1}).value();
  return classifier;
}

std::unique_ptr<BatchRequest> request(std::vector<std::string> texts,
                                      std::promise<std::unique_ptr<BatchRequest>>& done) {
  auto made = std::make_unique<BatchRequest>();
  made->classifier = built_in();
  for (std::string& text : texts) made->texts.push_back({.text = std::move(text)});
  made->finished = [&done](std::unique_ptr<BatchRequest> finished) { done.set_value(std::move(finished)); };
  return made;
}

TEST(DynamicBatcher, AnswersAreThoseOfTheClassifierAlone) {
  const SystemClock clock;
  std::uint64_t tokens = 0;
  std::vector<std::promise<std::unique_ptr<BatchRequest>>> done(20);
  {
    DynamicBatcher batcher({}, clock, [&tokens](const BatchReport& report) { tokens += report.tokens; });
    for (std::size_t i = 0; i < done.size(); ++i) {
      auto one = request({"I love number " + std::to_string(i), "", "I hate it"}, done[i]);
      ASSERT_FALSE(batcher.submit(one));
    }
    for (std::size_t i = 0; i < done.size(); ++i) {
      const auto finished = done[i].get_future().get();
      ASSERT_EQ(finished->outcome, BatchOutcome::kDone);
      const std::string first = "I love number " + std::to_string(i);
      const std::vector<std::string_view> texts{first, "", "I hate it"};
      const auto expected = built_in()->classify(texts);
      ASSERT_EQ(finished->predictions.size(), 3U);
      EXPECT_EQ(finished->predictions[0]->scores, expected[0]->scores);
      EXPECT_FALSE(finished->predictions[1]);
      EXPECT_EQ(finished->predictions[2]->scores, expected[2]->scores);
    }
  }
  EXPECT_GT(tokens, 0U);
}

TEST(DynamicBatcher, ARequestBeyondTheBudgetIsComputedInParts) {
  const SystemClock clock;
  std::size_t batches = 0;
  std::promise<std::unique_ptr<BatchRequest>> done;
  auto future = done.get_future();
  std::size_t texts = 0;
  {
    BatcherOptions options;
    options.max_batch_tokens = 64;
    DynamicBatcher batcher(options, clock, [&](const BatchReport&) { ++batches; });
    auto one = request(std::vector<std::string>(40, "It is better than I had expected."), done);
    ASSERT_FALSE(batcher.submit(one));
    texts = future.get()->predictions.size();
  }
  EXPECT_EQ(texts, 40U);
  EXPECT_GT(batches, 3U);
}

TEST(DynamicBatcher, PastTheDeadlineOrWithoutAClientNothingIsComputed) {
  const ManualClock clock;
  std::size_t batches = 0;
  DynamicBatcher batcher({}, clock, [&](const BatchReport&) { ++batches; });
  std::promise<std::unique_ptr<BatchRequest>> late;
  auto expired = request({"I love it"}, late);
  expired->deadline = clock.now();
  ASSERT_FALSE(batcher.submit(expired));
  EXPECT_EQ(late.get_future().get()->outcome, BatchOutcome::kExpired);

  std::promise<std::unique_ptr<BatchRequest>> gone;
  auto abandoned = request({"I love it"}, gone);
  abandoned->abandoned = std::make_shared<std::atomic<bool>>(true);
  ASSERT_FALSE(batcher.submit(abandoned));
  EXPECT_EQ(gone.get_future().get()->outcome, BatchOutcome::kAbandoned);
  EXPECT_EQ(batches, 0U);
}

TEST(DynamicBatcher, WhatStillWaitsAtItsEndIsToldSo) {
  const ManualClock clock;
  std::promise<std::unique_ptr<BatchRequest>> done;
  auto future = done.get_future();
  {
    // Time stands still, so the wait for company never ends.
    BatcherOptions options;
    options.max_batch_delay = std::chrono::hours(1);
    DynamicBatcher batcher(options, clock, [](const BatchReport&) {});
    auto one = request({"I love it"}, done);
    one->deadline = BatchTime::max();
    ASSERT_FALSE(batcher.submit(one));
  }
  EXPECT_EQ(future.get()->outcome, BatchOutcome::kStopped);
}

TEST(DynamicBatcher, AFullQueueRefusesAndKeepsTheRequestWithItsOwner) {
  const ManualClock clock;
  BatcherOptions options;
  options.queue.max_requests = 1;
  options.max_batch_delay = std::chrono::hours(1);
  std::promise<std::unique_ptr<BatchRequest>> first_done;
  std::promise<std::unique_ptr<BatchRequest>> second_done;
  DynamicBatcher batcher(options, clock, [](const BatchReport&) {});
  auto first = request({"I love it"}, first_done);
  ASSERT_FALSE(batcher.submit(first));
  EXPECT_EQ(first, nullptr);
  auto second = request({"I love it"}, second_done);
  EXPECT_TRUE(batcher.submit(second));
  EXPECT_NE(second, nullptr);
  EXPECT_TRUE(batcher.is_full());
}

}  // namespace
}  // namespace valence
