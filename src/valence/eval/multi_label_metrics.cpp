#include <limits>

#include "valence/base/check.h"
#include "valence/eval/metrics.h"
#include "valence/eval/zero_division.h"

namespace valence::eval {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

struct BitCounts {
  std::uint64_t hits = 0;
  std::uint64_t predicted = 0;
  std::uint64_t support = 0;

  void add(bool is_true, bool is_predicted) {
    hits += is_true && is_predicted ? 1 : 0;
    predicted += is_predicted ? 1 : 0;
    support += is_true ? 1 : 0;
  }
  [[nodiscard]] std::uint64_t wrong() const { return support + predicted - 2 * hits; }
};

}  // namespace

MultiLabelMetrics multi_label_metrics(const LabelBits& truth, const LabelBits& predicted, ZeroDivision zero_division) {
  VALENCE_ASSERT(truth.num_labels == predicted.num_labels && truth.bits.size() == predicted.bits.size(),
                 "a predicted bit for every true one");
  const std::size_t num_labels = truth.num_labels;
  MultiLabelMetrics metrics;
  metrics.rows = truth.rows();
  std::vector<BitCounts> by_label(num_labels);
  MeanPrecisionRecallF1 samples;
  std::uint64_t all_right = 0;
  for (std::size_t row = 0; row < truth.rows(); ++row) {
    BitCounts of_row;
    for (std::size_t label = 0; label < num_labels; ++label) {
      const bool is_true = truth.bits[row * num_labels + label] != 0;
      const bool is_predicted = predicted.bits[row * num_labels + label] != 0;
      of_row.add(is_true, is_predicted);
      by_label[label].add(is_true, is_predicted);
    }
    all_right += of_row.wrong() == 0 ? 1 : 0;
    samples.add(precision_recall_f1(of_row.hits, of_row.predicted, of_row.support, zero_division), 1);
  }

  MeanPrecisionRecallF1 macro;
  MeanPrecisionRecallF1 weighted;
  BitCounts all;
  for (const BitCounts& label : by_label) {
    metrics.labels.push_back(class_metrics(label.hits, label.predicted, label.support, zero_division));
    const PrecisionRecallF1 values = precision_recall_f1(label.hits, label.predicted, label.support, zero_division);
    macro.add(values, 1);
    weighted.add(values, static_cast<double>(label.support));
    all.hits += label.hits;
    all.predicted += label.predicted;
    all.support += label.support;
  }
  if (metrics.rows == 0) {
    metrics.subset_accuracy = metrics.hamming_loss = kNan;
    metrics.macro = metrics.micro = metrics.weighted = metrics.samples = {kNan, kNan, kNan};
    return metrics;
  }
  metrics.subset_accuracy = share(all_right, metrics.rows, ZeroDivision::kNan);
  metrics.hamming_loss = share(all.wrong(), truth.bits.size(), ZeroDivision::kNan);
  metrics.macro = macro.value();
  metrics.micro = precision_recall_f1(all.hits, all.predicted, all.support, zero_division);
  metrics.weighted = weighted.value();
  metrics.samples = samples.value();
  return metrics;
}

}  // namespace valence::eval
