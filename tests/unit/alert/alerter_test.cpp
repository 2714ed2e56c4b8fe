// The alerter as a program uses it: records in, messages out, a state that outlives it.
#include "valence/alert/alerter.h"

#include <gtest/gtest.h>

#include "support/temporary_directory.h"
#include "valence/alert/rule_line.h"
#include "valence/base/file.h"

namespace valence::alert {
namespace {

using Outcome = Delivery::Outcome;

/// What a receiver was sent, and how it answers.
struct Post {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<OutboundMessage> got;
  Delivery answer;

  std::size_t wait_for(std::size_t count) {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, std::chrono::seconds(20), [&] { return got.size() >= count; });
    return got.size();
  }
};

class FakeSender final : public Sender {
 public:
  explicit FakeSender(Post& post) : post_(post) {}
  Delivery send(const OutboundMessage& message) override {
    const std::lock_guard lock(post_.mutex);
    post_.got.push_back(message);
    post_.changed.notify_all();
    return post_.answer;
  }

 private:
  Post& post_;
};

class AlerterTest : public ::testing::Test {
 protected:
  std::unique_ptr<Alerter> start() {
    AlertSettings settings{.rules = {*parse_rule_line("negative > 10% of last 100 -> slack")},
                           .receivers = {},
                           .timing = timing_,
                           .state_file = folder_.path() / "alerts.journal"};
    settings.receivers.push_back({.name = "slack", .url = Secret("https://hooks.example.com/services/T/B/secret")});
    if (has_other_receiver_)
      settings.receivers.push_back({.name = "ops", .url = Secret("https://hooks.example.com/services/T/B/other")});
    if (other_rule_) settings.rules = {*other_rule_};
    auto alerter =
        Alerter::start({.settings = std::move(settings),
                        .clock = clock_,
                        .log =
                            [this](const std::string& line) {
                              const std::lock_guard lock(post_.mutex);
                              log_ += line + "\n";
                            },
                        .make_sender = [this](const Receiver&) { return std::make_unique<FakeSender>(post_); }});
    EXPECT_TRUE(alerter) << alerter.error().to_string();
    return std::move(*alerter);
  }
  static std::vector<pipeline::ClassifiedRecord> records(std::size_t count, const char* label) {
    std::vector<pipeline::ClassifiedRecord> all(count);
    for (auto& record : all) {
      record.stream = "reviews";
      record.label = label;
      record.text = "a text that no file may hold";
    }
    return all;
  }

  std::string journal() { return *read_file(folder_.path() / "alerts.journal", 1 << 20); }

  GroupTiming timing_{.wait_ms = 0};
  bool has_other_receiver_ = false;
  std::optional<Rule> other_rule_;
  testing::TemporaryDirectory folder_;
  ManualClock clock_{1'000'000'000'000};
  Post post_;
  std::string log_;
};

TEST_F(AlerterTest, TellsAndRemembersThatItDid) {
  {
    auto alerter = start();
    ASSERT_TRUE(alerter->write(records(100, "negative")));
    alerter->settle();
    ASSERT_EQ(post_.wait_for(1), 1U);
    EXPECT_EQ(alerter->states()[0].phase, pipeline::AlertPhase::kFiring);
    alerter->stop();
    EXPECT_EQ(alerter->totals()[0].sent, 1U);
  }
  auto again = start();
  EXPECT_EQ(again->states()[0].phase, pipeline::AlertPhase::kFiring);
  clock_.advance(std::chrono::minutes(10));
  ASSERT_TRUE(again->write(records(50, "negative")));
  again->settle();
  again->stop();
  EXPECT_EQ(post_.got.size(), 1U);
  EXPECT_EQ(read_file(folder_.path() / "alerts.journal", 1 << 20)->find("no file may hold"), std::string::npos);
}

TEST_F(AlerterTest, MessageThatWasNotSentGoesOutAfterTheRestartUnderItsOldId) {
  post_.answer = {.outcome = Outcome::kRetry, .why = "answered 503"};
  std::string id;
  {
    auto alerter = start();
    ASSERT_TRUE(alerter->write(records(100, "negative")));
    ASSERT_EQ(post_.wait_for(1), 1U);
    id = post_.got[0].id;
  }
  post_.answer = {};
  post_.got.clear();
  auto again = start();
  ASSERT_EQ(post_.wait_for(1), 1U);
  EXPECT_EQ(post_.got[0].id, id);
  again->stop();
  EXPECT_EQ(post_.got.size(), 1U);
}

TEST_F(AlerterTest, ReceiverThatIsNoMoreIsDisabledAndSaid) {
  post_.answer = {.outcome = Outcome::kGone, .why = "answered 410"};
  {
    auto alerter = start();
    ASSERT_TRUE(alerter->write(records(100, "negative")));
    ASSERT_EQ(post_.wait_for(1), 1U);
    alerter->stop();
    EXPECT_EQ(alerter->disabled_receivers().count("slack"), 1U);
  }
  EXPECT_NE(log_.find("\"slack\" is disabled"), std::string::npos);
  EXPECT_EQ(log_.find("services/T/B"), std::string::npos);
  auto again = start();
  EXPECT_EQ(again->disabled_receivers().count("slack"), 1U);
}

TEST_F(AlerterTest, ReceiverThatIsNoMoreIsNotToldAgainWhileTheProgramRuns) {
  timing_ = {.wait_ms = 0, .interval_ms = 0};
  post_.answer = {.outcome = Outcome::kGone, .why = "answered 410"};
  auto alerter = start();
  ASSERT_TRUE(alerter->write(records(100, "negative")));
  ASSERT_EQ(post_.wait_for(1), 1U);
  clock_.advance(std::chrono::minutes(10));
  ASSERT_TRUE(alerter->write(records(100, "positive")));  // resolved: a second message
  alerter->settle();
  clock_.advance(std::chrono::minutes(10));
  ASSERT_TRUE(alerter->write(records(1, "positive")));
  alerter->settle();
  alerter->stop();
  EXPECT_EQ(post_.got.size(), 1U);
  EXPECT_EQ(alerter->totals()[0].failed, 2U);
}

TEST_F(AlerterTest, MessageOfAReceiverThatWasRemovedFailsAtTheStartAndItsTextsAreGone) {
  has_other_receiver_ = true;
  other_rule_ = *parse_rule_line("negative > 10% of last 100, 3 examples -> ops");
  post_.answer = {.outcome = Outcome::kRetry, .why = "answered 503"};
  {
    auto alerter = start();
    ASSERT_TRUE(alerter->write(records(100, "negative")));
    ASSERT_EQ(post_.wait_for(1), 1U);
  }
  ASSERT_NE(journal().find("no file may hold"), std::string::npos);
  has_other_receiver_ = false;
  other_rule_.reset();
  auto again = start();
  EXPECT_EQ(journal().find("about to send"), std::string::npos);
  EXPECT_EQ(journal().find("no file may hold"), std::string::npos);
  EXPECT_NE(journal().find("there is no such receiver any more"), std::string::npos);
  again->stop();
  EXPECT_EQ(post_.got.size(), 1U);
}

TEST_F(AlerterTest, SilenceOfAnotherProcessIsTakenOver) {
  auto alerter = start();
  auto journal = StateJournal::open(folder_.path() / "alerts.journal");
  ASSERT_TRUE(journal);
  ASSERT_TRUE(
      journal->put({{.key = "silence\x1f"
                            "abc",
                     .value = R"({"from":0,"until":9000000000000,"rule":"","stream":"","author":"","comment":""})"}}));
  ASSERT_TRUE(alerter->write(records(100, "negative")));
  alerter->settle();
  ASSERT_EQ(alerter->silences().size(), 1U);
  EXPECT_EQ(alerter->states()[0].phase, pipeline::AlertPhase::kSilenced);
  alerter->stop();
  EXPECT_TRUE(post_.got.empty());
}

TEST_F(AlerterTest, MoreTextsThanMayWaitAreRefusedWhole) {
  auto alerter = start();
  const Status taken = alerter->write(records(kMaxWaitingTexts + 1, "negative"));
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code(), ErrorCode::kOverloaded);
  EXPECT_EQ(alerter->refused_texts(), kMaxWaitingTexts + 1);
}

}  // namespace
}  // namespace valence::alert
