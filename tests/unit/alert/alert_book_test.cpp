// When receivers are told what, by a clock that the test moves.
#include "valence/alert/alert_book.h"

#include <gtest/gtest.h>

#include "valence/alert/rule_line.h"

namespace valence::alert {
namespace {

constexpr std::int64_t kSecond = 1000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;

class Book : public ::testing::Test {
 protected:
  void make(std::initializer_list<const char*> lines, const std::string& name = "") {
    std::vector<Rule> rules;
    for (const char* line : lines) {
      auto rule = parse_rule_line(line);
      ASSERT_TRUE(rule) << rule.error().to_string();
      rules.push_back(*rule);
      if (!name.empty()) rules.back().name = name;
    }
    book_ = std::make_unique<AlertBook>(AlertBook::Options{
        .rules = rules, .begin_ms = now_, .new_id = [this] { return "id" + std::to_string(++ids_); }});
  }
  /// Texts, all at this moment.
  void texts(int count, const char* label, const char* stream = "reviews", const char* channel = "") {
    for (int i = 0; i < count; ++i) book_->observe({stream, channel, label, "a text"}, now_);
  }
  /// Second by second, as a program's clock goes.
  std::vector<Notification> pass(std::int64_t ms) {
    std::vector<Notification> all;
    for (const std::int64_t end = now_ + ms; now_ < end;) {
      now_ += kSecond;
      for (auto& notification : book_->advance(now_)) all.push_back(std::move(notification));
    }
    return all;
  }

  std::int64_t now_ = 1'000'000'000'000;
  int ids_ = 0;
  std::unique_ptr<AlertBook> book_;
};

TEST_F(Book, AlertIsToldOnceAfterTheGroupsWaitAndItsEndAfterTheInterval) {
  make({"negative > 10% of last 100 -> slack"});
  texts(89, "positive");
  texts(11, "negative");
  EXPECT_TRUE(pass(29 * kSecond).empty());
  const auto told = pass(2 * kSecond);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].receiver, "slack");
  ASSERT_EQ(told[0].items.size(), 1U);
  EXPECT_EQ(told[0].items[0].headline(), "High negative feedback: 11/100 in last batch");
  texts(100, "positive");
  EXPECT_TRUE(pass(290 * kSecond).empty());
  const auto ended = pass(15 * kSecond);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_FALSE(ended[0].is_firing());
  EXPECT_TRUE(pass(24 * kHour).empty());  // one resolved message
}

TEST_F(Book, WhatEndsInsideTheGroupsWaitIsNotTold) {
  make({"negative > 10% of last 100 -> slack"});
  texts(100, "negative");
  EXPECT_TRUE(pass(10 * kSecond).empty());
  texts(100, "positive");
  EXPECT_TRUE(pass(kHour).empty());
}

TEST_F(Book, TenThousandCrossingsInAnHourGiveAtMostThirteenMessages) {
  make({"negative > 10% of last 10 -> slack"});
  std::size_t messages = 0;
  int crossings = 0;
  bool was_above = false;
  // 36 crossings every 13 seconds: above and below in turn, at every phase of the seconds.
  for (int second = 0; second < 3600; ++second) {
    for (int i = 0; i < 3; ++i) {
      texts(10, was_above ? "positive" : "negative");
      was_above = !was_above;
      ++crossings;
    }
    messages += pass(kSecond).size();
  }
  EXPECT_GE(crossings, 10'000);
  EXPECT_LE(messages, 13U);
  EXPECT_GE(messages, 1U);
}

TEST_F(Book, HundredRulesThatFireAtOnceAreOneMessage) {
  std::vector<std::string> lines;
  for (int i = 0; i < 100; ++i)
    lines.push_back("negative > " + std::to_string(i / 2) + "% of last " + std::to_string(50 + i) + " -> slack");
  std::vector<Rule> rules;
  for (const std::string& line : lines) rules.push_back(*parse_rule_line(line));
  book_ = std::make_unique<AlertBook>(
      AlertBook::Options{.rules = rules, .begin_ms = now_, .new_id = [] { return std::string("id"); }});
  texts(200, "negative");
  const auto told = pass(kMinute);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_EQ(told[0].items.size(), kMaxItems);
  EXPECT_EQ(told[0].more, 100 - kMaxItems);
}

TEST_F(Book, FiringAlertIsRepeatedAfterFourHours) {
  make({"negative > 10% of last 100 -> slack"});
  texts(100, "negative");
  ASSERT_EQ(pass(kMinute).size(), 1U);
  const auto repeated = pass(5 * kHour);
  ASSERT_EQ(repeated.size(), 1U);
  EXPECT_TRUE(repeated[0].is_repeat);
}

TEST_F(Book, HysteresisKeepsAnAlertUntilTheShareIsBelowTheLowerLimit) {
  make({"negative > 20% of last 10, clear at 10% -> slack"});
  texts(7, "positive");
  texts(3, "negative");
  EXPECT_EQ(book_->states()[0].phase, pipeline::AlertPhase::kFiring);
  texts(8, "positive");  // 2 of 10
  EXPECT_EQ(book_->states()[0].phase, pipeline::AlertPhase::kFiring);
  texts(1, "positive");  // 1 of 10
  EXPECT_EQ(book_->states()[0].phase, pipeline::AlertPhase::kQuiet);
}

TEST_F(Book, RuleWithForWaitsAndShowsAsPending) {
  make({"negative > 10% of last 10, for 1m -> slack"});
  texts(10, "negative");
  EXPECT_EQ(book_->states()[0].phase, pipeline::AlertPhase::kPending);
  pass(59 * kSecond);
  EXPECT_EQ(book_->states()[0].phase, pipeline::AlertPhase::kPending);
  pass(kSecond);
  EXPECT_EQ(book_->states()[0].phase, pipeline::AlertPhase::kFiring);
}

TEST_F(Book, CooldownKeepsARuleQuietAfterItResolved) {
  make({"negative > 10% of last 10, cooldown 10m -> slack"});
  texts(10, "negative");
  texts(10, "positive");
  texts(10, "negative");
  EXPECT_EQ(book_->states()[0].phase, pipeline::AlertPhase::kPending);
  pass(10 * kMinute);
  EXPECT_EQ(book_->states()[0].phase, pipeline::AlertPhase::kFiring);
}

TEST_F(Book, StreamsAndChannelsAreJudgedByThemselves) {
  make({"negative > 10% of last 10, per channel -> slack"});
  texts(10, "negative", "reviews", "ios");
  texts(10, "positive", "reviews", "android");
  texts(10, "positive", "chat", "");
  const auto told = pass(kMinute);
  ASSERT_EQ(told.size(), 1U);
  ASSERT_EQ(told[0].items.size(), 1U);
  EXPECT_EQ(told[0].items[0].channel, "ios");
}

TEST_F(Book, ChannelsWithoutEndShareOneFlow) {
  make({"negative > 10% of last 10, per channel -> slack"});
  for (int i = 0; i < 5000; ++i) texts(1, "positive", "reviews", std::to_string(i).c_str());
  EXPECT_LE(book_->states().size(), kMaxFlows + 1);
}

TEST_F(Book, SilencedAlertIsToldWhenTheSilenceEndsAndItStillFires) {
  make({"negative > 10% of last 100 -> slack"});
  ASSERT_TRUE(book_->silence({.id = {},
                              .rule = {},
                              .stream = "reviews",
                              .from_ms = now_,
                              .until_ms = now_ + kHour,
                              .author = {},
                              .comment = {}}));
  texts(100, "negative");
  EXPECT_TRUE(pass(59 * kMinute).empty());
  EXPECT_EQ(book_->states()[0].phase, pipeline::AlertPhase::kSilenced);
  EXPECT_EQ(pass(3 * kMinute).size(), 1U);
}

TEST_F(Book, SilenceOfAnUnknownRuleOrWithoutLengthIsRefused) {
  make({"negative > 10% of last 100 -> slack"});
  EXPECT_FALSE(book_->silence(
      {.id = {}, .rule = "another", .stream = {}, .from_ms = now_, .until_ms = now_ + 1, .author = {}, .comment = {}}));
  EXPECT_FALSE(book_->silence(
      {.id = {}, .rule = {}, .stream = {}, .from_ms = now_, .until_ms = now_, .author = {}, .comment = {}}));
  EXPECT_FALSE(book_->unsilence("none"));
}

TEST_F(Book, RestartNeitherForgetsAnAlertNorTellsItAgain) {
  make({"negative > 10% of last 100 -> slack"});
  texts(100, "negative");
  ASSERT_EQ(pass(kMinute).size(), 1U);
  const auto saved = book_->take_changes();
  make({"negative > 10% of last 100 -> slack"});
  for (const auto& entry : saved) ASSERT_TRUE(book_->restore(entry));
  EXPECT_EQ(book_->states()[0].phase, pipeline::AlertPhase::kFiring);
  texts(50, "negative");  // the window is not full again yet
  EXPECT_TRUE(pass(kHour).empty());
  texts(100, "positive");
  const auto ended = pass(kMinute);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_FALSE(ended[0].is_firing());
}

TEST_F(Book, RestartBeforeTheFirstMessageStillTells) {
  make({"negative > 10% of last 100 -> slack"});
  texts(100, "negative");
  pass(10 * kSecond);
  const auto saved = book_->take_changes();
  make({"negative > 10% of last 100 -> slack"});
  for (const auto& entry : saved) ASSERT_TRUE(book_->restore(entry));
  EXPECT_EQ(pass(kMinute).size(), 1U);
}

TEST_F(Book, ExamplesAreQuotedOnlyWhenAskedFor) {
  make({"negative > 10% of last 10 -> slack", "negative > 10% of last 10, 2 examples -> slack"});
  texts(10, "negative");
  const auto told = pass(kMinute);
  ASSERT_EQ(told.size(), 1U);
  EXPECT_TRUE(told[0].items[0].examples.empty());
  EXPECT_EQ(told[0].items[1].examples.size(), 2U);
}

TEST_F(Book, AlarmOfAFallIsStillOneAfterARestart) {
  make({"negative changes from 50%, one false alarm in 50000 -> slack"});
  texts(60, "positive");
  ASSERT_EQ(book_->states().at(0).phase, pipeline::AlertPhase::kFiring);
  const auto saved = book_->take_changes();
  make({"negative changes from 50%, one false alarm in 50000 -> slack"});
  for (const auto& entry : saved) ASSERT_TRUE(book_->restore(entry));
  texts(60, "positive");  // as low as before; of a rise, they would be the end
  EXPECT_EQ(book_->states().at(0).phase, pipeline::AlertPhase::kFiring);
  texts(12, "negative");
  EXPECT_EQ(book_->states().at(0).phase, pipeline::AlertPhase::kQuiet);
}

TEST_F(Book, AlarmOfARuleThatMustLearnAgainDoesNotLastForEver) {
  make({"negative above usual, learn 1000 -> slack"}, "rise");
  texts(1000, "positive");
  texts(100, "negative");
  ASSERT_EQ(book_->states().at(0).phase, pipeline::AlertPhase::kFiring);
  const auto saved = book_->take_changes();
  make({"negative above usual, learn 3000 -> slack"}, "rise");
  for (const auto& entry : saved) ASSERT_TRUE(book_->restore(entry));
  EXPECT_EQ(book_->states().at(0).phase, pipeline::AlertPhase::kFiring);
  texts(3000, "positive");
  EXPECT_EQ(book_->states().at(0).phase, pipeline::AlertPhase::kQuiet);
}

}  // namespace
}  // namespace valence::alert
