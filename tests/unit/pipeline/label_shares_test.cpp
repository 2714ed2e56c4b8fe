#include "valence/pipeline/label_shares.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace valence::pipeline {
namespace {

class LabelSharesTest : public ::testing::Test {
 protected:
  void add(const std::string& stream, const std::string& label, std::size_t count) {
    ClassifiedRecord record;
    record.stream = stream;
    record.label = label;
    ASSERT_TRUE(shares_.write(std::vector<ClassifiedRecord>(count, record)));
  }
  std::string exposed() { return metrics_.expose(observe::Exposition::kText); }
  bool shows(const std::string& text) { return exposed().find(text) != std::string::npos; }

  ManualClock clock_;
  observe::Metrics metrics_;
  LabelShares shares_{metrics_, clock_};
};

TEST_F(LabelSharesTest, AStreamHasAGaugeOnceTheWindowIsFull) {
  add("shop", "negative", 1);
  add("shop", "positive", 98);
  EXPECT_FALSE(shows("valence_sentiment_ratio{"));
  add("shop", "positive", 1);
  EXPECT_TRUE(shows(R"(valence_sentiment_ratio{label="negative",stream="shop",window="100"} 0.01)")) << exposed();
  EXPECT_TRUE(shows(R"(valence_sentiment_ratio{label="positive",stream="shop",window="100"} 0.99)")) << exposed();
  add("shop", "positive", 1);  // the negative one leaves the window
  EXPECT_TRUE(shows(R"(valence_sentiment_ratio{label="negative",stream="shop",window="100"} 0)")) << exposed();
}

TEST_F(LabelSharesTest, AnIdleStreamMakesRoomForAnother) {
  for (std::size_t i = 0; i < LabelShares::kMaxStreams; ++i) add("stream " + std::to_string(i), "positive", 100);
  add("late", "positive", 100);
  EXPECT_TRUE(shows("stream=\"stream 7\""));
  EXPECT_FALSE(shows("stream=\"late\""));
  clock_.advance(LabelShares::kIdle / 2);
  add("stream 7", "positive", 1);
  clock_.advance(LabelShares::kIdle / 2);
  add("late", "positive", 100);
  EXPECT_TRUE(shows("stream=\"stream 7\""));
  EXPECT_FALSE(shows("stream=\"stream 8\""));
  EXPECT_TRUE(shows("stream=\"late\""));
}

}  // namespace
}  // namespace valence::pipeline
