#include <cmath>
#include <limits>
#include <numeric>

#include "valence/base/check.h"
#include "valence/eval/metrics.h"
#include "valence/eval/zero_division.h"

namespace valence::eval {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

/// Gorodkin's correlation of k categories, which for two is Matthews's. Source: J. Gorodkin, "Comparing two K-category
/// assignments by a K-category correlation coefficient", Computational Biology and Chemistry 28 (2004).
double matthews_correlation(const std::vector<ClassMetrics>& labels, std::uint64_t rows) {
  const auto n = static_cast<double>(rows);
  double hits = 0;
  double products = 0;
  double squared_support = 0;
  double squared_predicted = 0;
  for (const ClassMetrics& label : labels) {
    const auto support = static_cast<double>(label.support);
    const auto predicted = static_cast<double>(label.predicted);
    hits += static_cast<double>(label.hits);
    products += support * predicted;
    squared_support += support * support;
    squared_predicted += predicted * predicted;
  }
  const double spread = (n * n - squared_predicted) * (n * n - squared_support);
  return spread == 0 ? 0 : (hits * n - products) / std::sqrt(spread);
}

double mean_recall_of_present(const std::vector<ClassMetrics>& labels) {
  DefinedMean mean;
  for (const ClassMetrics& label : labels) mean.add(share(label.hits, label.support, ZeroDivision::kNan), 1);
  return mean.value();
}

/// Support and predictions of every label, from the sums of its row and column.
std::vector<ClassMetrics> metrics_by_label(const ConfusionMatrix& confusion, ZeroDivision zero_division) {
  std::vector<ClassMetrics> labels;
  labels.reserve(confusion.num_labels);
  for (std::size_t label = 0; label < confusion.num_labels; ++label) {
    std::uint64_t support = 0;
    std::uint64_t predicted = 0;
    for (std::size_t other = 0; other < confusion.num_labels; ++other) {
      support += confusion.at(label, other);
      predicted += confusion.at(other, label);
    }
    labels.push_back(class_metrics(confusion.at(label, label), predicted, support, zero_division));
  }
  return labels;
}

}  // namespace

std::uint64_t ConfusionMatrix::rows() const { return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}); }

ConfusionMatrix confusion_matrix(std::span<const std::int32_t> truth, std::span<const std::int32_t> predicted,
                                 std::size_t num_labels) {
  VALENCE_ASSERT(truth.size() == predicted.size(), "a prediction a row");
  ConfusionMatrix confusion{.num_labels = num_labels, .counts = std::vector<std::uint64_t>(num_labels * num_labels)};
  for (std::size_t i = 0; i < truth.size(); ++i) {
    const auto row = static_cast<std::size_t>(truth[i]);
    const auto column = static_cast<std::size_t>(predicted[i]);
    VALENCE_ASSERT(row < num_labels && column < num_labels, "ids are of these labels");
    ++confusion.counts[row * num_labels + column];
  }
  return confusion;
}

ClassificationMetrics classification_metrics(const ConfusionMatrix& confusion, const MetricOptions& options) {
  ClassificationMetrics metrics;
  metrics.rows = confusion.rows();
  metrics.labels = metrics_by_label(confusion, options.zero_division);
  if (metrics.rows == 0) {
    metrics.accuracy = metrics.balanced_accuracy = metrics.matthews_correlation = kNan;
    metrics.macro = metrics.micro = metrics.weighted = {kNan, kNan, kNan};
    return metrics;
  }
  MeanPrecisionRecallF1 macro;
  MeanPrecisionRecallF1 weighted;
  std::uint64_t hits = 0;
  for (const ClassMetrics& label : metrics.labels) {
    hits += label.hits;
    if (options.labels == AveragedLabels::kPresent && label.f1_undefined()) continue;
    const PrecisionRecallF1 values{.precision = label.precision, .recall = label.recall, .f1 = label.f1};
    macro.add(values, 1);
    weighted.add(values, static_cast<double>(label.support));
  }
  metrics.accuracy = share(hits, metrics.rows, ZeroDivision::kNan);
  metrics.balanced_accuracy = mean_recall_of_present(metrics.labels);
  metrics.matthews_correlation = matthews_correlation(metrics.labels, metrics.rows);
  metrics.macro = macro.value();
  metrics.micro = {.precision = metrics.accuracy, .recall = metrics.accuracy, .f1 = metrics.accuracy};
  metrics.weighted = weighted.value();
  return metrics;
}

ClassificationMetrics classification_metrics(std::span<const std::int32_t> truth,
                                             std::span<const std::int32_t> predicted, std::size_t num_labels,
                                             const MetricOptions& options) {
  return classification_metrics(confusion_matrix(truth, predicted, num_labels), options);
}

}  // namespace valence::eval
