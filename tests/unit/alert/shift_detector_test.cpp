// Run lengths and delays of the charts: by hand, by a second way of computing them, and by simulation.
#include "valence/alert/shift_detector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "valence/alert/cusum_design.h"
#include "valence/alert/rule_line.h"
#include "valence/base/random.h"

namespace valence::alert {
namespace {

class Texts {
 public:
  explicit Texts(std::uint64_t seed) : random_(seed) {}
  bool hit(double share) { return static_cast<double>(random_.next() >> 11U) * 0x1p-53 < share; }

 private:
  Random random_;
};

TEST(AverageRunLength, OfAChartThatNeedsTwoHitsInARowIsTheClassicalOne) {
  // Steps +1 and -1 with the limit 2: the sum is 2 after two hits in a row. E = 1/p + 1/p^2 (Feller, vol. I, XIII.7).
  const CusumDesign design{.up_step = 1, .down_step = 1, .limit = 2};
  for (const double p : {0.1, 0.3, 0.5, 0.9}) EXPECT_NEAR(average_run_length(design, p), 1 / p + 1 / (p * p), 1e-9);
}

TEST(AverageRunLength, AgreesWithTheIterationOfItsEquations) {
  const CusumDesign design{.up_step = 7, .down_step = 2, .limit = 30};
  const double p = 0.2;
  std::vector<double> length(30, 0);
  for (int round = 0; round < 20'000; ++round) {  // value iteration, which needs no elimination
    for (int i = 0; i < 30; ++i) {
      const double up = i + 7 < 30 ? length[static_cast<std::size_t>(i + 7)] : 0;
      length[static_cast<std::size_t>(i)] = 1 + p * up + (1 - p) * length[static_cast<std::size_t>(std::max(0, i - 2))];
    }
  }
  EXPECT_NEAR(average_run_length(design, p) / length[0], 1, 1e-9);
}

TEST(CusumDesign, HoldsTheChosenRunLengthWithinAFewPercent) {
  for (const double share : {0.01, 0.05, 0.1, 0.3, 0.5, 0.9}) {
    for (const double texts : {2'000.0, 50'000.0, 1'000'000.0}) {
      const CusumDesign design = design_cusum({share, 0}, texts);
      EXPECT_NEAR(average_run_length(design, share) / texts, 1, 0.05) << share << " " << texts;
      EXPECT_NEAR(design.raised / (1 - design.raised) / (share / (1 - share)), kRaisedOdds, 1e-9);
    }
  }
}

TEST(CusumDesign, LearnedShareMakesTheChartMoreCareful) {
  const CusumDesign given = design_cusum({0.1, 0}, 50'000);
  const CusumDesign learned = design_cusum({0.1, 5'000}, 50'000);
  EXPECT_GT(learned.limit, given.limit);
  const RunLengthRange range = run_length_range(learned, {0.1, 5'000});
  EXPECT_LT(range.low, 50'000);
  EXPECT_GT(range.high, 50'000);
}

std::uint64_t alarms_in(Detector& detector, Texts& texts, double share, std::uint64_t count) {
  std::uint64_t alarms = 0;
  bool was_above = false;
  for (std::uint64_t i = 0; i < count; ++i) {
    detector.observe(0, texts.hit(share));
    const Reading reading = detector.reading();
    const bool above = reading.is_ready && reading.is_above;
    if (above != was_above) detector.set_firing(above);
    alarms += above && !was_above ? 1 : 0;
    was_above = above;
  }
  return alarms;
}

// One false alarm in 5,000 texts over 6 million: 1,200 are expected, of which 20 % are seven standard deviations.
TEST(BaselineRule, FalseAlarmsComeAsOftenAsChosenWithAGivenBaseline) {
  const auto rule = parse_rule_line("negative above 10%, one false alarm in 5000 -> slack");
  ASSERT_TRUE(rule);
  const auto detector = make_detector(*rule, 0);
  Texts texts(1);
  const double rate = static_cast<double>(alarms_in(*detector, texts, 0.1, 6'000'000)) / 6e6;
  EXPECT_NEAR(rate * 5000, 1, 0.2);
}

// 10 million texts: 5,000 false alarms are expected, of which 20 % are fourteen standard deviations.
TEST(BaselineRule, FalseAlarmsComeAsOftenAsChosenHoweverLongALearnedBaselineIsUsed) {
  for (const std::uint64_t learned : {std::uint64_t{5'000}, kEnoughLearnedTexts}) {
    const auto rule = parse_rule_line("negative above usual, learn 5000, one false alarm in 2000 -> slack");
    ASSERT_TRUE(rule);
    const auto detector = make_detector(*rule, 0, Learned{.texts = learned, .hits = learned / 10});
    Texts texts(7);
    const double rate = static_cast<double>(alarms_in(*detector, texts, 0.1, 10'000'000)) / 1e7;
    EXPECT_NEAR(rate * 2000, 1, 0.2) << learned;
    const Learned after = detector->learned().value();
    EXPECT_NEAR(static_cast<double>(after.hits) / static_cast<double>(after.texts), 0.1, 0.003) << learned;
  }
}

TEST(BaselineRule, StepFromTenToTwentyPercentIsSeenWithin150TextsAtOneFalseAlarmIn50000) {
  for (const char* line : {"negative above 10%, one false alarm in 50000 -> slack",
                           "negative changes from 10%, one false alarm in 50000 -> slack"}) {
    const auto rule = parse_rule_line(line);
    ASSERT_TRUE(rule);
    Texts texts(2);
    std::vector<int> delays;
    for (int trial = 0; trial < 1001; ++trial) {
      const auto detector = make_detector(*rule, 0);
      for (int i = 0; i < 2000; ++i) detector->observe(0, texts.hit(0.1));
      if (detector->reading().is_above) continue;
      int delay = 0;
      while (!detector->reading().is_above) {
        detector->observe(0, texts.hit(0.2));
        ++delay;
      }
      delays.push_back(delay);
    }
    std::ranges::sort(delays);
    EXPECT_LE(delays[delays.size() / 2], 150) << line;
  }
}

TEST(BaselineRule, AlarmEndsWhenTheShareIsUsualAgain) {
  const auto detector = make_detector(*parse_rule_line("negative above 10% -> slack"), 0);
  Texts texts(3);
  for (int i = 0; i < 1000; ++i) detector->observe(0, texts.hit(0.4));
  ASSERT_TRUE(detector->reading().is_above);
  EXPECT_NEAR(
      static_cast<double>(detector->reading().window.hits) / static_cast<double>(detector->reading().window.count), 0.4,
      0.1);
  for (int i = 0; i < 1000; ++i) detector->observe(0, texts.hit(0.1));
  EXPECT_FALSE(detector->reading().is_above);
}

TEST(BaselineRule, LearnsFirstAndSaysFromHowMany) {
  const auto detector = make_detector(*parse_rule_line("negative above usual, learn 2000 -> slack"), 0);
  Texts texts(4);
  for (int i = 0; i < 1900; ++i) detector->observe(0, texts.hit(0.1));
  EXPECT_FALSE(detector->reading().is_ready);
  for (int i = 0; i < 600; ++i) detector->observe(0, texts.hit(0.1));
  ASSERT_TRUE(detector->reading().is_ready);
  EXPECT_NEAR(*detector->reading().usual, 0.1, 0.03);
  EXPECT_GE(detector->reading().learned_texts, 2000U);
}

TEST(BaselineRule, WhatWasLearnedOutlivesARestart) {
  const auto rule = parse_rule_line("negative above usual -> slack");
  const auto detector = make_detector(*rule, 0, Learned{.texts = 8000, .hits = 800});
  EXPECT_TRUE(detector->reading().is_ready);
  EXPECT_NEAR(*detector->reading().usual, 0.1, 1e-9);
}

TEST(ChangeRule, NewLevelBecomesUsualAfterAWhile) {
  const auto detector = make_detector(*parse_rule_line("negative changes from 10% -> slack"), 0);
  Texts texts(5);
  bool fired = false;
  for (int i = 0; i < 3000; ++i) {
    detector->observe(0, texts.hit(0.25));
    fired = fired || detector->reading().is_above;
  }
  EXPECT_TRUE(fired);
  EXPECT_FALSE(detector->reading().is_above);
  EXPECT_NEAR(*detector->reading().usual, 0.25, 0.05);
}

TEST(ChangeRule, SeesAFallAsWell) {
  const auto detector = make_detector(*parse_rule_line("negative changes from 30% -> slack"), 0);
  Texts texts(6);
  int delay = 0;
  while (!detector->reading().is_above && delay < 2000) {
    detector->observe(0, texts.hit(0.1));
    ++delay;
  }
  EXPECT_LT(delay, 300);
}

}  // namespace
}  // namespace valence::alert
