// The rule "more than 10 % of the last 100 are negative", against a reading of it that keeps every text.
#include <gtest/gtest.h>

#include <deque>
#include <vector>

#include "valence/alert/detector.h"
#include "valence/alert/rule_line.h"
#include "valence/base/random.h"

namespace valence::alert {
namespace {

/// Word for word: look at the last `window` texts, when there are that many; count; compare as fractions.
bool plainly_above(const std::vector<bool>& texts, std::size_t window, std::uint64_t percent) {
  if (texts.size() < window) return false;
  std::uint64_t negative = 0;
  for (std::size_t i = texts.size() - window; i < texts.size(); ++i) negative += texts[i] ? 1U : 0U;
  return negative * 100 > percent * window;
}

TEST(RatioRule, TenPercentOfTheLastHundredIsExactOnRandomSequences) {
  const auto rule = parse_rule_line("negative > 10% of last 100 -> slack");
  ASSERT_TRUE(rule);
  Random random(20261122);
  std::uint64_t above = 0;
  for (int sequence = 0; sequence < 10'000; ++sequence) {
    const std::uint64_t rate = random.below(25);  // percent: on both sides of the limit, and at it
    const std::size_t length = 1 + random.below(260);
    const auto detector = make_detector(*rule, 0);
    std::vector<bool> texts;
    for (std::size_t i = 0; i < length; ++i) {
      texts.push_back(random.below(100) < rate);
      detector->observe(0, texts.back());
      const Reading reading = detector->reading();
      const bool expected = plainly_above(texts, 100, 10);
      ASSERT_EQ(reading.is_ready && reading.is_above, expected) << "sequence " << sequence << " text " << i;
      above += expected ? 1 : 0;
    }
  }
  EXPECT_GT(above, 100'000U);  // the sequences did cross the limit
}

TEST(RatioRule, ExactlyTenPercentDoesNotFire) {
  const auto detector = make_detector(*parse_rule_line("negative > 10% of last 100 -> slack"), 0);
  for (int i = 0; i < 100; ++i) detector->observe(0, i < 10);
  EXPECT_TRUE(detector->reading().is_ready);
  EXPECT_FALSE(detector->reading().is_above);
  detector->observe(0, true);  // one of the ten leaves, one comes: still ten
  EXPECT_FALSE(detector->reading().is_above);
  for (int i = 0; i < 9; ++i) detector->observe(0, true);
  EXPECT_FALSE(detector->reading().is_above);
  detector->observe(0, true);
  EXPECT_EQ(detector->reading().window.hits, 11U);
  EXPECT_TRUE(detector->reading().is_above);
}

TEST(RatioRule, NinetyNineNegativeTextsAreTooFewUnlessAMinimumIsSet) {
  const auto full = make_detector(*parse_rule_line("negative > 10% of last 100 -> slack"), 0);
  const auto early = make_detector(*parse_rule_line("negative > 10% of last 100, at least 20 -> slack"), 0);
  for (int i = 0; i < 99; ++i) {
    full->observe(0, true);
    early->observe(0, true);
    EXPECT_FALSE(full->reading().is_ready);
    EXPECT_EQ(early->reading().is_ready, i >= 19) << i;
  }
}

TEST(RatioRule, ShareThatNoBinaryFractionHoldsIsExact) {
  // 0.1 + 0.2 > 0.3 in doubles; 3 of 10 are not more than 30 %.
  const auto detector = make_detector(*parse_rule_line("negative > 30% of last 10 -> slack"), 0);
  for (int i = 0; i < 10; ++i) detector->observe(0, i < 3);
  EXPECT_FALSE(detector->reading().is_above);
}

TEST(TimeWindow, ForgetsWhatIsOlderAsAPlainListDoes) {
  constexpr std::int64_t kSpanMs = 1000;  // slots of a millisecond: exact
  TimeWindow window(kSpanMs);
  std::deque<std::pair<std::int64_t, bool>> plain;
  Random random(7);
  std::int64_t now_ms = 0;
  for (int i = 0; i < 20'000; ++i) {
    now_ms += static_cast<std::int64_t>(random.below(40));
    const bool hit = random.below(3) == 0;
    window.add(now_ms, hit);
    plain.emplace_back(now_ms, hit);
    std::erase_if(plain, [&](const auto& text) { return text.first <= now_ms - kSpanMs; });
    std::uint64_t hits = 0;
    for (const auto& text : plain) hits += text.second ? 1U : 0U;
    ASSERT_EQ(window.recent().count, plain.size()) << i;
    ASSERT_EQ(window.recent().hits, hits) << i;
  }
}

TEST(RatioRule, WindowOfTimeThatRanEmptyIsNoReasonForAnAlarm) {
  const auto detector = make_detector(*parse_rule_line("negative > 10% of last 1m, at least 5 -> slack"), 0);
  for (int i = 0; i < 10; ++i) detector->observe(i, true);
  EXPECT_TRUE(detector->reading().is_ready && detector->reading().is_above);
  detector->advance(120'000);
  EXPECT_TRUE(detector->reading().is_ready);
  EXPECT_FALSE(detector->reading().is_above);
}

}  // namespace
}  // namespace valence::alert
