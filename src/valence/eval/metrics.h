/// \file
/// How good predictions are: classification over label ids, multi-label over bits, regression over numbers. Every
/// figure is what scikit-learn gives for the same input, its zero-division cases included.
///
/// Pure functions of values, safe from any thread. Lengths that differ and ids outside [0, num_labels) are the caller's
/// mistake and asserted.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace valence::eval {

/// What a share of nothing is: the precision of a label that was never predicted, the recall of one that never occurs.
/// scikit-learn's `zero_division`.
enum class ZeroDivision {
  kZero,  ///< 0, its default
  kOne,
  kNan,  ///< NaN, which averages then leave out
};

/// Which labels macro and weighted averages are taken over.
enum class AveragedLabels {
  kPresent,  ///< those that occur in the truth or among the predictions: scikit-learn's default
  kAll,      ///< every label id, as scikit-learn with `labels=range(num_labels)`
};

struct MetricOptions {
  ZeroDivision zero_division = ZeroDivision::kZero;
  AveragedLabels labels = AveragedLabels::kPresent;
};

struct PrecisionRecallF1 {
  double precision = 0;
  double recall = 0;
  double f1 = 0;
};

/// One label against the rest.
struct ClassMetrics {
  double precision = 0;
  double recall = 0;
  double f1 = 0;
  std::uint64_t support = 0;    ///< rows whose truth it is
  std::uint64_t predicted = 0;  ///< rows it was predicted for
  std::uint64_t hits = 0;       ///< rows that are both

  /// The figure is the zero_division value rather than a share.
  [[nodiscard]] bool precision_undefined() const { return predicted == 0; }
  [[nodiscard]] bool recall_undefined() const { return support == 0; }
  [[nodiscard]] bool f1_undefined() const { return support + predicted == 0; }
};

struct ConfusionMatrix {
  std::size_t num_labels = 0;
  std::vector<std::uint64_t> counts;  ///< [num_labels, num_labels], row-major, a row a true label

  [[nodiscard]] std::uint64_t at(std::size_t truth, std::size_t predicted) const {
    return counts[truth * num_labels + predicted];
  }
  [[nodiscard]] std::uint64_t rows() const;
};

/// truth, predicted: label ids, one a row.
[[nodiscard]] ConfusionMatrix confusion_matrix(std::span<const std::int32_t> truth,
                                               std::span<const std::int32_t> predicted, std::size_t num_labels);

/// Every figure is NaN for no rows, except counts.
struct ClassificationMetrics {
  std::uint64_t rows = 0;
  double accuracy = 0;
  double balanced_accuracy = 0;      ///< mean recall of the labels that occur in the truth
  double matthews_correlation = 0;   ///< 0 when all truths or all predictions are one label
  PrecisionRecallF1 macro;           ///< mean over labels
  PrecisionRecallF1 micro;           ///< of all rows together; each of the three is the accuracy
  PrecisionRecallF1 weighted;        ///< mean over labels, weighted by support
  std::vector<ClassMetrics> labels;  ///< by label id, absent ones included
};

[[nodiscard]] ClassificationMetrics classification_metrics(const ConfusionMatrix& confusion,
                                                           const MetricOptions& options = {});

[[nodiscard]] ClassificationMetrics classification_metrics(std::span<const std::int32_t> truth,
                                                           std::span<const std::int32_t> predicted,
                                                           std::size_t num_labels, const MetricOptions& options = {});

/// Which labels each row has: [rows, num_labels], row-major, 0 or 1.
struct LabelBits {
  std::size_t num_labels = 0;
  std::span<const std::uint8_t> bits;

  [[nodiscard]] std::size_t rows() const { return num_labels == 0 ? 0 : bits.size() / num_labels; }
};

/// Averages are over every label, as scikit-learn's of an indicator matrix. NaN for no rows, except counts.
struct MultiLabelMetrics {
  std::uint64_t rows = 0;
  double subset_accuracy = 0;  ///< rows with exactly the right labels
  double hamming_loss = 0;     ///< share of wrong bits
  PrecisionRecallF1 macro;
  PrecisionRecallF1 micro;
  PrecisionRecallF1 weighted;
  PrecisionRecallF1 samples;  ///< mean over rows of each row's own
  std::vector<ClassMetrics> labels;
};

[[nodiscard]] MultiLabelMetrics multi_label_metrics(const LabelBits& truth, const LabelBits& predicted,
                                                    ZeroDivision zero_division = ZeroDivision::kZero);

struct RegressionMetrics {
  std::uint64_t rows = 0;
  double mean_squared_error = 0;
  double mean_absolute_error = 0;
  double r2 = 0;        ///< of a constant truth 1 if every prediction is right, else 0; NaN for fewer than two rows
  double pearson = 0;   ///< NaN if either side is constant
  double spearman = 0;  ///< Pearson's of the ranks, equal values sharing their mean rank
};

/// Figures are NaN for no rows.
[[nodiscard]] RegressionMetrics regression_metrics(std::span<const double> truth, std::span<const double> predicted);

}  // namespace valence::eval
