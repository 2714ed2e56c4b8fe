#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "unit/eval/goldens.h"
#include "valence/eval/abstention.h"
#include "valence/eval/bootstrap.h"
#include "valence/eval/reliability.h"
#include "valence/eval/temperature.h"

namespace valence::eval {
namespace {

constexpr double kTolerance = 1e-12;
// scipy's bounded minimiser sees only values of the loss, which are flat within the root of the machine epsilon.
constexpr double kMinimiserTolerance = 1e-6;
// Where the minimum lies outside, that minimiser stops a little inside.
constexpr double kLimitTolerance = 1e-5;

struct LogitSet {
  std::size_t num_labels = 0;
  std::vector<std::int32_t> truth;
  std::vector<std::uint8_t> bits;  // the truth, one-hot
  std::vector<float> logits;
};

// logits() of tools/make_metric_goldens.py.
LogitSet draw_logit_set(std::uint64_t seed) {
  Random draw(3'000'000 + seed);
  LogitSet set;
  set.num_labels = 2 + draw.below(4);
  const std::uint64_t rows = 30 + draw.below(70);
  const auto favour = static_cast<int>(draw.below(200));
  for (std::uint64_t row = 0; row < rows; ++row) {
    const auto truth = static_cast<std::int32_t>(draw.below(set.num_labels));
    set.truth.push_back(truth);
    for (std::int32_t label = 0; label < static_cast<std::int32_t>(set.num_labels); ++label) {
      const int value = static_cast<int>(draw.below(641)) - 320 + (label == truth ? favour : 0);
      set.logits.push_back(static_cast<float>(value) / 64);
      set.bits.push_back(label == truth ? 1 : 0);
    }
  }
  return set;
}

struct TopScores {
  std::vector<float> confidence;
  std::vector<std::uint8_t> is_right;
};

TopScores top_scores(const LogitSet& set) {
  TopScores top;
  for (std::size_t row = 0; row < set.truth.size(); ++row) {
    std::int32_t best = 0;
    double lowest_loss = std::numeric_limits<double>::infinity();
    const auto logits = std::span(set.logits).subspan(row * set.num_labels, set.num_labels);
    for (std::int32_t label = 0; label < static_cast<std::int32_t>(set.num_labels); ++label) {
      const double loss = softmax_loss(logits, label);
      if (loss < lowest_loss) {
        lowest_loss = loss;
        best = label;
      }
    }
    top.confidence.push_back(static_cast<float>(std::exp(-lowest_loss)));
    top.is_right.push_back(best == set.truth[row] ? 1 : 0);
  }
  return top;
}

double number(const Json& list, std::size_t index) { return list.items().value()[index].as_number().value(); }

void expect_temperature(const TemperatureFit& fit, double expected, const std::string& what) {
  EXPECT_NEAR(fit.temperature, expected, expected * (fit.at_limit ? kLimitTolerance : kMinimiserTolerance)) << what;
  EXPECT_LE(fit.loss_after, fit.loss_before) << what;
}

TEST(Temperature, IsWhereScipyFindsTheLowestLoss) {
  const auto cases = golden("logits").items().value();
  for (std::size_t seed = 0; seed < cases.size(); ++seed) {
    const LogitSet set = draw_logit_set(seed);
    const std::string place = "set " + std::to_string(seed);
    const Json temperatures = cases[seed].at("temperatures").value();
    const Json losses = cases[seed].at("losses").value();
    const auto softmax = fit_softmax_temperature(set.logits, set.truth, set.num_labels);
    EXPECT_NEAR(softmax.loss_before, number(losses, 0), kTolerance) << place;
    expect_temperature(softmax, number(temperatures, 0), place + " softmax");
    const auto sigmoid = fit_sigmoid_temperature(set.logits, set.bits);
    EXPECT_NEAR(sigmoid.loss_before, number(losses, 1), kTolerance) << place;
    expect_temperature(sigmoid, number(temperatures, 1), place + " sigmoid");
  }
}

TEST(Temperature, StopsAtItsLimitWhenEveryRowIsRight) {
  const std::vector<float> logits{2, -1, -3, 4};
  const std::vector<std::int32_t> truth{0, 1};
  const auto fit = fit_softmax_temperature(logits, truth, 2);
  EXPECT_TRUE(fit.at_limit);
  EXPECT_DOUBLE_EQ(fit.temperature, kLowestTemperature);
}

TEST(Temperature, StopsAtItsLimitWhenScoresAreWorseThanChance) {
  const std::vector<float> logits{2, -1, -3, 4};
  const std::vector<std::int32_t> truth{1, 0};
  const auto fit = fit_softmax_temperature(logits, truth, 2);
  EXPECT_TRUE(fit.at_limit);
  EXPECT_DOUBLE_EQ(fit.temperature, kHighestTemperature);
}

TEST(Temperature, HoldsLogitsOfAnySize) {
  const std::vector<float> logits{3e38F, -3e38F, -3e38F, 3e38F, 1, 0};
  const std::vector<std::int32_t> truth{0, 1, 1};
  const auto fit = fit_softmax_temperature(logits, truth, 2);
  EXPECT_TRUE(std::isfinite(fit.temperature));
  EXPECT_TRUE(std::isfinite(fit.loss_after));
}

TEST(Reliability, ErrorIsTheWeightedGapOfNumpysBins) {
  const auto cases = golden("logits").items().value();
  for (std::size_t seed = 0; seed < cases.size(); ++seed) {
    const TopScores top = top_scores(draw_logit_set(seed));
    const Json expected = cases[seed].at("ece").value();
    EXPECT_NEAR(reliability(top.confidence, top.is_right).expected_error, number(expected, 0), 1e-7) << seed;
    EXPECT_NEAR(reliability(top.confidence, top.is_right, kReliabilityBins, Binning::kEqualMass).expected_error,
                number(expected, 1), 1e-7)
        << seed;
  }
}

TEST(Reliability, BinsHoldTheirUpperEdge) {
  const std::vector<float> confidence{0.0F, 0.5F, 0.75F, 1.0F};
  const std::vector<std::uint8_t> is_right{0, 1, 1, 0};
  const auto result = reliability(confidence, is_right, 2);
  ASSERT_EQ(result.bins.size(), 2U);
  EXPECT_EQ(result.bins[0].rows, 2U);
  EXPECT_DOUBLE_EQ(result.bins[0].mean_confidence, 0.25);
  EXPECT_DOUBLE_EQ(result.bins[0].accuracy, 0.5);
  EXPECT_DOUBLE_EQ(result.bins[1].mean_confidence, 0.875);
  EXPECT_DOUBLE_EQ(result.bins[1].accuracy, 0.5);
  EXPECT_DOUBLE_EQ(result.expected_error, 0.5 * 0.25 + 0.5 * 0.375);
  EXPECT_DOUBLE_EQ(result.maximum_error, 0.375);
  EXPECT_TRUE(std::isnan(reliability({}, {}).expected_error));
}

TEST(Abstention, BoundIsClopperAndPearsons) {
  const auto cases = golden("clopper_pearson").items().value();
  for (const Json& one : cases) {
    const auto bound = error_upper_bound(static_cast<std::uint64_t>(number(one, 0)),
                                         static_cast<std::uint64_t>(number(one, 1)), number(one, 2));
    EXPECT_NEAR(bound, number(one, 3), 1e-10) << one.dump();
  }
  EXPECT_EQ(error_upper_bound(0, 0, 0.9), 1);
  EXPECT_EQ(error_upper_bound(5, 5, 0.9), 1);
}

TEST(Abstention, AnswersAsManyRowsAsTheBoundAllows) {
  // 200 rows right with 0.9, then 50 wrong with 0.6: at 5 % and 90 % confidence, 6 errors of 206 are bounded by
  // 0.0504 and 5 of 205 by 0.0446 (scipy's beta.ppf), but rows of one score stand or fall together.
  std::vector<float> confidence(200, 0.9F);
  std::vector<std::uint8_t> is_right(200, 1);
  confidence.insert(confidence.end(), 50, 0.6F);
  is_right.insert(is_right.end(), 50, 0);
  auto fit = fit_abstention(confidence, is_right, 0.05, 0.9);
  ASSERT_TRUE(fit);
  EXPECT_EQ(fit->answered, 200U);
  EXPECT_EQ(fit->errors, 0U);
  EXPECT_NEAR(fit->threshold, 0.75, 1e-6);
  EXPECT_DOUBLE_EQ(fit->coverage(), 0.8);
  for (std::size_t i = 0; i < 50; ++i) confidence[200 + i] -= 0.001F * static_cast<float>(i);
  fit = fit_abstention(confidence, is_right, 0.05, 0.9);
  ASSERT_TRUE(fit);
  EXPECT_EQ(fit->answered, 205U);
  EXPECT_EQ(fit->errors, 5U);
  EXPECT_LE(fit->error_bound, 0.05);
}

TEST(Abstention, NeedsEnoughRows) {
  // log(0.1) / log(0.95) = 44.9
  const std::vector<float> confidence(45, 0.9F);
  const std::vector<std::uint8_t> is_right(45, 1);
  EXPECT_TRUE(fit_abstention(confidence, is_right, 0.05, 0.9));
  EXPECT_FALSE(fit_abstention(std::span(confidence).first(44), std::span(is_right).first(44), 0.05, 0.9));
  EXPECT_FALSE(fit_abstention({}, {}, 0.05, 0.9));
}

TEST(Bootstrap, IntervalsAreNumpysQuantilesOfTheSameDraws) {
  const LabelSet set = draw_label_set(3);
  const auto intervals = bootstrap_intervals(set.truth.size(), 2,
                                             [&](std::span<const std::uint32_t> sample, std::span<double> figures) {
                                               double right = 0;
                                               double sum = 0;
                                               for (const std::uint32_t row : sample) {
                                                 right += set.truth[row] == set.predicted[row] ? 1 : 0;
                                                 sum += set.truth[row];
                                               }
                                               figures[0] = right / static_cast<double>(sample.size());
                                               figures[1] = sum / static_cast<double>(sample.size());
                                             },
                                             {.resamples = 200, .seed = 5});
  const Json expected = golden("bootstrap");
  EXPECT_NEAR(intervals[0].low, number(expected, 0), kTolerance);
  EXPECT_NEAR(intervals[0].high, number(expected, 1), kTolerance);
  EXPECT_NEAR(intervals[1].low, number(expected, 2), kTolerance);
  EXPECT_NEAR(intervals[1].high, number(expected, 3), kTolerance);
}

TEST(Bootstrap, LeavesOutWhatAResampleDoesNotDefine) {
  const auto intervals = bootstrap_intervals(2, 2,
                                             [](std::span<const std::uint32_t> sample, std::span<double> figures) {
                                               figures[0] = sample[0] == sample[1] ? std::nan("") : 1;
                                               figures[1] = std::nan("");
                                             },
                                             {.resamples = 50, .seed = 1});
  EXPECT_EQ(intervals[0].low, 1);
  EXPECT_EQ(intervals[0].high, 1);
  EXPECT_TRUE(std::isnan(intervals[1].low));
}

}  // namespace
}  // namespace valence::eval
