#include "valence/eval/metrics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <string>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/base/random.h"

namespace valence::eval {
namespace {

// The bar of the metrics: equal to scikit-learn, but for the order of sums.
constexpr double kTolerance = 1e-12;
constexpr std::size_t kGoldenBytes = 1U << 20;

struct LabelSet {
  std::size_t num_labels = 0;
  std::vector<std::int32_t> truth;
  std::vector<std::int32_t> predicted;
};

struct BitSet {
  std::size_t num_labels = 0;
  std::vector<std::uint8_t> truth;
  std::vector<std::uint8_t> predicted;
};

struct NumberSet {
  std::vector<double> truth;
  std::vector<double> predicted;
};

// The recipes of tools/make_metric_goldens.py.
LabelSet draw_label_set(std::uint64_t seed) {
  Random draw(seed);
  LabelSet set;
  set.num_labels = 1 + draw.below(12);
  const std::uint64_t rows = 1 + draw.below(120);
  const std::uint64_t true_labels = 1 + draw.below(set.num_labels);
  const std::uint64_t predicted_labels = 1 + draw.below(set.num_labels);
  const std::uint64_t right_in_100 = draw.below(101);
  for (std::uint64_t row = 0; row < rows; ++row) {
    const auto truth = static_cast<std::int32_t>(draw.below(true_labels));
    const bool is_right = draw.below(100) < right_in_100;
    set.truth.push_back(truth);
    set.predicted.push_back(is_right ? truth : static_cast<std::int32_t>(draw.below(predicted_labels)));
  }
  return set;
}

BitSet draw_bit_set(std::uint64_t seed) {
  Random draw(1'000'000 + seed);
  BitSet set;
  set.num_labels = 2 + draw.below(8);
  const std::uint64_t rows = 1 + draw.below(60);
  const std::uint64_t true_in_100 = draw.below(60);
  const std::uint64_t flipped_in_100 = draw.below(60);
  for (std::uint64_t row = 0; row < rows; ++row) {
    for (std::size_t label = 0; label < set.num_labels; ++label) {
      const bool drawn_true = draw.below(100) < true_in_100;
      const bool is_true = drawn_true && (label + 1 < set.num_labels || seed % 2 == 0);
      const bool flipped = draw.below(100) < flipped_in_100;
      set.truth.push_back(is_true ? 1 : 0);
      set.predicted.push_back(is_true != flipped && (label > 0 || seed % 3 > 0) ? 1 : 0);
    }
  }
  return set;
}

NumberSet draw_number_set(std::uint64_t seed) {
  Random draw(2'000'000 + seed);
  NumberSet set;
  const std::uint64_t rows = 1 + draw.below(50);
  const std::uint64_t levels = 1 + draw.below(200);
  for (std::uint64_t row = 0; row < rows; ++row) {
    const auto value = static_cast<double>(draw.below(levels));
    const double noise = static_cast<double>(draw.below(17)) - 8;
    set.truth.push_back(seed % 5 == 0 ? 4.0 / 8 : value / 8);
    set.predicted.push_back(seed % 7 == 0 ? 12.0 / 8 : (value + noise) / 8);
  }
  return set;
}

ZeroDivision turn_of(std::uint64_t seed) {
  constexpr ZeroDivision kTurns[] = {ZeroDivision::kZero, ZeroDivision::kOne, ZeroDivision::kNan};
  return kTurns[seed % 3];
}

void append(std::vector<double>& figures, const PrecisionRecallF1& values) {
  figures.insert(figures.end(), {values.precision, values.recall, values.f1});
}

/// As the golden has them: all precisions, all recalls, all F1.
std::vector<double> by_label(const std::vector<ClassMetrics>& labels) {
  std::vector<double> figures;
  for (const ClassMetrics& label : labels) figures.push_back(label.precision);
  for (const ClassMetrics& label : labels) figures.push_back(label.recall);
  for (const ClassMetrics& label : labels) figures.push_back(label.f1);
  return figures;
}

class Metrics : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const auto text = read_file(std::filesystem::path(VALENCE_TESTS_DIR) / "unit/eval/data/metrics.json", kGoldenBytes);
    ASSERT_TRUE(text) << text.error().to_string();
    auto parsed = Json::parse(*text, "metrics.json");
    ASSERT_TRUE(parsed) << parsed.error().to_string();
    goldens_ = std::make_unique<Json>(std::move(*parsed));
  }

  static std::vector<Json> cases(std::string_view group) { return goldens_->at(group)->items().value(); }

  static void expect_equal(const std::vector<double>& figures, const Json& golden, const std::string& what) {
    const auto expected = golden.items().value();
    ASSERT_EQ(figures.size(), expected.size()) << what;
    for (std::size_t i = 0; i < figures.size(); ++i) {
      if (expected[i].is_null()) {
        EXPECT_TRUE(std::isnan(figures[i])) << what << "[" << i << "]: " << figures[i];
      } else {
        EXPECT_NEAR(figures[i], expected[i].as_number().value(), kTolerance) << what << "[" << i << "]";
      }
    }
  }

  static std::unique_ptr<Json> goldens_;
};

std::unique_ptr<Json> Metrics::goldens_;

TEST_F(Metrics, AreScikitLearnsOfAThousandRandomLabelSets) {
  const auto goldens = cases("single_label");
  ASSERT_EQ(goldens.size(), 1000U);
  for (std::size_t seed = 0; seed < goldens.size(); ++seed) {
    const LabelSet set = draw_label_set(seed);
    const std::string place = "set " + std::to_string(seed) + " ";
    const auto metrics = classification_metrics(set.truth, set.predicted, set.num_labels);
    expect_equal({metrics.accuracy, metrics.balanced_accuracy, metrics.matthews_correlation},
                 goldens[seed].at("figures").value(), place + "figures");
    std::vector<double> averages;
    append(averages, metrics.macro);
    append(averages, metrics.micro);
    append(averages, metrics.weighted);
    expect_equal(averages, goldens[seed].at("averages").value(), place + "averages");
  }
}

TEST_F(Metrics, TakeTheChosenValueForAShareOfNothing) {
  const auto goldens = cases("single_label");
  for (std::size_t seed = 0; seed < goldens.size(); ++seed) {
    const LabelSet set = draw_label_set(seed);
    const std::string place = "set " + std::to_string(seed) + " ";
    const auto averaged_over = [&](AveragedLabels labels) {
      const auto metrics = classification_metrics(set.truth, set.predicted, set.num_labels,
                                                  {.zero_division = turn_of(seed), .labels = labels});
      std::vector<double> averages;
      append(averages, metrics.macro);
      append(averages, metrics.weighted);
      return averages;
    };
    if (const auto golden = goldens[seed].find("by_label")) {
      const auto metrics =
          classification_metrics(set.truth, set.predicted, set.num_labels, {.zero_division = turn_of(seed)});
      expect_equal(by_label(metrics.labels), *golden, place + "by_label");
    }
    if (const auto golden = goldens[seed].find("all_labels")) {
      expect_equal(averaged_over(AveragedLabels::kAll), *golden, place + "all_labels");
    }
    if (const auto golden = goldens[seed].find("present_labels")) {
      expect_equal(averaged_over(AveragedLabels::kPresent), *golden, place + "present_labels");
    }
  }
}

TEST_F(Metrics, OfLabelBitsAreScikitLearns) {
  const auto goldens = cases("multi_label");
  ASSERT_EQ(goldens.size(), 300U);
  for (std::size_t seed = 0; seed < goldens.size(); ++seed) {
    const BitSet set = draw_bit_set(seed);
    const std::string place = "set " + std::to_string(seed) + " ";
    const auto metrics =
        multi_label_metrics({set.num_labels, set.truth}, {set.num_labels, set.predicted}, turn_of(seed));
    expect_equal({metrics.subset_accuracy, metrics.hamming_loss}, goldens[seed].at("figures").value(),
                 place + "figures");
    std::vector<double> averages;
    append(averages, metrics.macro);
    append(averages, metrics.micro);
    append(averages, metrics.weighted);
    append(averages, metrics.samples);
    expect_equal(averages, goldens[seed].at("averages").value(), place + "averages");
    if (const auto golden = goldens[seed].find("by_label")) {
      expect_equal(by_label(metrics.labels), *golden, place + "by_label");
    }
  }
}

TEST_F(Metrics, OfNumbersAreScikitLearnsAndScipys) {
  const auto goldens = cases("regression");
  ASSERT_EQ(goldens.size(), 100U);
  for (std::size_t seed = 0; seed < goldens.size(); ++seed) {
    const NumberSet set = draw_number_set(seed);
    const auto metrics = regression_metrics(set.truth, set.predicted);
    expect_equal(
        {metrics.mean_squared_error, metrics.mean_absolute_error, metrics.r2, metrics.pearson, metrics.spearman},
        goldens[seed], "set " + std::to_string(seed));
  }
}

TEST_F(Metrics, SayWhichFiguresAreSharesOfNothing) {
  // Label 0 is right once and missed once; label 1 is never predicted, label 2 never true, label 3 neither.
  const std::vector<std::int32_t> truth{0, 0, 1};
  const std::vector<std::int32_t> predicted{0, 2, 2};
  const auto metrics = classification_metrics(truth, predicted, 4);
  EXPECT_EQ(metrics.labels[0].support, 2U);
  EXPECT_EQ(metrics.labels[0].predicted, 1U);
  EXPECT_EQ(metrics.labels[0].hits, 1U);
  EXPECT_FALSE(metrics.labels[0].precision_undefined());
  EXPECT_TRUE(metrics.labels[1].precision_undefined());
  EXPECT_FALSE(metrics.labels[1].recall_undefined());
  EXPECT_TRUE(metrics.labels[2].recall_undefined());
  EXPECT_FALSE(metrics.labels[2].f1_undefined());
  EXPECT_TRUE(metrics.labels[3].f1_undefined());
}

TEST_F(Metrics, OfNoRowsAreNotANumber) {
  const auto classification = classification_metrics({}, {}, 3);
  EXPECT_EQ(classification.rows, 0U);
  EXPECT_TRUE(std::isnan(classification.accuracy));
  EXPECT_TRUE(std::isnan(classification.macro.f1));
  EXPECT_TRUE(std::isnan(multi_label_metrics({3, {}}, {3, {}}).micro.f1));
  EXPECT_TRUE(std::isnan(regression_metrics({}, {}).mean_squared_error));
}

TEST_F(Metrics, ConfusionHasARowForATruthAndAColumnForAPrediction) {
  const std::vector<std::int32_t> truth{0, 1, 1, 2};
  const std::vector<std::int32_t> predicted{0, 2, 1, 1};
  const auto confusion = confusion_matrix(truth, predicted, 3);
  EXPECT_EQ(confusion.counts, (std::vector<std::uint64_t>{1, 0, 0, 0, 1, 1, 0, 1, 0}));
  EXPECT_EQ(confusion.at(1, 2), 1U);
  EXPECT_EQ(confusion.rows(), 4U);
}

}  // namespace
}  // namespace valence::eval
