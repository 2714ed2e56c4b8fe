// When a courier tries, waits and gives up: stepped by hand over a clock that the test moves.
#include "valence/alert/courier.h"

#include <gtest/gtest.h>

#include "valence/alert/slack_message.h"
#include "valence/base/json.h"

namespace valence::alert {
namespace {

using std::chrono::milliseconds;
using Outcome = Delivery::Outcome;

class Scripted final : public Sender {
 public:
  explicit Scripted(std::vector<Delivery>& answers, std::vector<std::string>& got) : answers_(answers), got_(got) {}
  Delivery send(const OutboundMessage& message) override {
    got_.push_back(message.id);
    if (answers_.empty()) return {};
    Delivery answer = answers_.front();
    answers_.erase(answers_.begin());
    return answer;
  }

 private:
  std::vector<Delivery>& answers_;
  std::vector<std::string>& got_;
};

class CourierTest : public ::testing::Test {
 protected:
  void offer(const char* id) { courier_.offer({.id = id, .receiver = "slack", .body = "{}", .created_ms = 0}); }

  ManualClock clock_;
  std::vector<Delivery> answers_;
  std::vector<std::string> got_;
  std::vector<std::pair<std::string, Outcome>> done_;
  Courier courier_{{.sender = std::make_unique<Scripted>(answers_, got_),
                    .clock = clock_,
                    .seed = 1,
                    .on_done = [this](const OutboundMessage& message, const Delivery& delivery) {
                      done_.emplace_back(message.id, delivery.outcome);
                    }}};
};

TEST_F(CourierTest, SendsAtMostOneMessageASecond) {
  offer("a");
  offer("b");
  EXPECT_EQ(courier_.step(), milliseconds(1000));
  EXPECT_EQ(courier_.step(), milliseconds(1000));
  EXPECT_EQ(got_.size(), 1U);
  clock_.advance(milliseconds(1000));
  EXPECT_EQ(courier_.step(), std::nullopt);
  EXPECT_EQ(got_, (std::vector<std::string>{"a", "b"}));
}

TEST_F(CourierTest, WaitsAsLongAsTheReceiverAsks) {
  answers_ = {{.outcome = Outcome::kRetry, .why = "answered 429", .retry_after = std::chrono::seconds(60)}};
  offer("a");
  EXPECT_EQ(courier_.step(), milliseconds(60'000));
  clock_.advance(milliseconds(59'999));
  courier_.step();
  EXPECT_EQ(got_.size(), 1U);
  clock_.advance(milliseconds(1));
  courier_.step();
  EXPECT_EQ(got_, (std::vector<std::string>{"a", "a"}));
  EXPECT_EQ(done_.back(), std::pair(std::string("a"), Outcome::kSent));
}

TEST_F(CourierTest, WaitsLongerAfterEachFailureUpToFiveMinutesAndAQuarter) {
  answers_.assign(30, {.outcome = Outcome::kRetry, .why = "answered 500"});
  offer("a");
  milliseconds before{0};
  for (int i = 0; i < 30; ++i) {
    const auto wait = courier_.step();
    ASSERT_TRUE(wait);
    EXPECT_GE(*wait, milliseconds(1000));
    EXPECT_LE(*wait, milliseconds(375'000));
    if (i < 8) EXPECT_GT(*wait, before);
    before = *wait;
    clock_.advance(*wait);
  }
  EXPECT_GE(before, milliseconds(300'000));
  EXPECT_TRUE(done_.empty());
}

TEST_F(CourierTest, OldestMessageIsGivenUpWhenTooManyWait) {
  for (std::size_t i = 0; i <= kMaxQueuedMessages; ++i) offer(std::to_string(i).c_str());
  ASSERT_EQ(done_.size(), 1U);
  EXPECT_EQ(done_[0], std::pair(std::string("0"), Outcome::kRefused));
}

TEST_F(CourierTest, ReceiverThatIsGoneIsSentNothingMore) {
  answers_ = {{.outcome = Outcome::kGone, .why = "answered 410"}};
  offer("a");
  offer("b");
  EXPECT_EQ(courier_.step(), std::nullopt);
  offer("c");
  clock_.advance(std::chrono::hours(1));
  EXPECT_EQ(courier_.step(), std::nullopt);
  EXPECT_EQ(got_, (std::vector<std::string>{"a"}));
  EXPECT_EQ(done_, (std::vector<std::pair<std::string, Outcome>>{
                       {"a", Outcome::kGone}, {"b", Outcome::kRefused}, {"c", Outcome::kRefused}}));
}

TEST(Answer, OnlyKnownWordsOfItAreRepeated) {
  const std::string canary = "/services/T0CANARY/B0CANARY/secret";
  for (const int status : {301, 400, 404, 410, 429, 500}) {
    for (const std::string& body :
         {"No such path: " + canary, canary, "no_service " + canary, std::string("a customer's text")}) {
      const std::string why = judge_answer(status, "", body).why;
      EXPECT_EQ(why.find("CANARY"), why.npos) << why;
      EXPECT_EQ(why.find("customer"), why.npos) << why;
    }
  }
  EXPECT_NE(judge_answer(404, "", "no_service\n").why.find("(no_service)"), std::string::npos);
}

TEST(Answer, StatusSaysWhatToDo) {
  EXPECT_EQ(judge_answer(200, "", "ok").outcome, Outcome::kSent);
  EXPECT_EQ(judge_answer(204, "", "").outcome, Outcome::kSent);
  for (const int status : {429, 500, 502, 503, 504, 599})
    EXPECT_EQ(judge_answer(status, "", "").outcome, Outcome::kRetry) << status;
  for (const int status : {404, 410}) EXPECT_EQ(judge_answer(status, "", "").outcome, Outcome::kGone) << status;
  for (const int status : {301, 302, 400, 401, 403, 413})
    EXPECT_EQ(judge_answer(status, "", "").outcome, Outcome::kRefused) << status;
  EXPECT_EQ(judge_answer(429, "7", "").retry_after, std::chrono::seconds(7));
}

TEST(SlackMessage, EscapesThreeCharactersAndNothingElse) {
  EXPECT_EQ(slack_escaped("<!channel> & \"you\" *bold*\x1b[31m"), "&lt;!channel&gt; &amp; \"you\" *bold* [31m");
}

TEST(SlackMessage, StaysWithinSlacksLengths) {
  Notification notification{.id = "id", .receiver = "slack", .stream = std::string(200, '&')};
  Rule rule{.name = std::string(1000, '<'), .labels = {"negative"}, .window_texts = 100};
  for (std::size_t i = 0; i < kMaxItems; ++i) {
    AlertItem item{.rule = rule, .stream = notification.stream, .channel = ""};
    item.examples.assign(kMaxExamples, std::string(400, '<'));
    notification.items.push_back(std::move(item));
  }
  notification.more = 80;
  const auto json = Json::parse(slack_body(notification), "body");
  ASSERT_TRUE(json) << json.error().to_string();
  const auto blocks = json->at("blocks")->items();
  EXPECT_LE(blocks->size(), kMaxSlackBlocks);
  for (const Json& block : *blocks) {
    const auto text = block.find("text");
    if (!text) continue;
    const std::string shown = *text->string("text");
    EXPECT_LE(shown.size(), *block.string("type") == "header" ? kMaxSlackHeader : kMaxSlackSection + 3);
    EXPECT_EQ(shown.find('<'), std::string::npos);
    const auto entity = shown.rfind('&');
    if (entity != shown.npos) EXPECT_NE(shown.find(';', entity), shown.npos);
  }
}

}  // namespace
}  // namespace valence::alert
