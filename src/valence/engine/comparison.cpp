#include "valence/engine/comparison.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <tuple>

#include "valence/base/check.h"

namespace valence {
namespace {

/// 0 of 0 counts as 0, as in scikit-learn: a class that nobody predicts has no precision to be proud of.
double share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

void count(ClassCounts& predicted, bool is_right) {
  ++predicted.predicted;
  if (is_right) ++predicted.correct;
}

/// Orders flips worst first.
auto badness(const Flip& flip) {
  const bool was_lost = flip.first.label_id == flip.truth;
  return std::tuple(!was_lost, -(flip.first.score + flip.second.score), flip.row);
}

}  // namespace

double ClassChange::recall(const ClassCounts& counts) const { return share(counts.correct, support); }
double ClassChange::precision(const ClassCounts& counts) const { return share(counts.correct, counts.predicted); }
double ClassChange::f1(const ClassCounts& counts) const {
  return share(2 * counts.correct, support + counts.predicted);
}

double Comparison::accuracy_loss() const {
  return share(counts.first_right(), counts.rows()) - share(counts.second_right(), counts.rows());
}

double relative_logit_error(const Answers& first, const Answers& second, std::size_t num_labels) {
  double difference = 0;
  double reference = 0;
  for (std::size_t row = 0; row < first.labels.size(); ++row) {
    const auto a = std::span(first.logits).subspan(row * num_labels, num_labels);
    const auto b = std::span(second.logits).subspan(row * num_labels, num_labels);
    const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / static_cast<double>(num_labels);
    const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / static_cast<double>(num_labels);
    for (std::size_t i = 0; i < num_labels; ++i) {
      const double centred = a[i] - mean_a;
      const double apart = centred - (b[i] - mean_b);
      difference += apart * apart;
      reference += centred * centred;
    }
  }
  return reference == 0 ? 0 : std::sqrt(difference / reference);
}

Comparison compare(std::span<const std::int32_t> truth, const Answers& first, const Answers& second,
                   std::size_t num_labels) {
  VALENCE_ASSERT(truth.size() == first.labels.size() && truth.size() == second.labels.size(), "of the same texts");
  Comparison comparison;
  comparison.classes.resize(num_labels);
  PairedCounts& counts = comparison.counts;
  for (std::size_t row = 0; row < truth.size(); ++row) {
    const Answer& a = first.labels[row];
    const Answer& b = second.labels[row];
    const bool first_right = a.label_id == truth[row];
    const bool second_right = b.label_id == truth[row];
    ++(first_right ? (second_right ? counts.both_right : counts.only_first_right)
                   : (second_right ? counts.only_second_right : counts.both_wrong));
    ++comparison.classes[static_cast<std::size_t>(truth[row])].support;
    if (a.label_id != kNoAnswer) count(comparison.classes[static_cast<std::size_t>(a.label_id)].first, first_right);
    if (b.label_id != kNoAnswer) count(comparison.classes[static_cast<std::size_t>(b.label_id)].second, second_right);
    if (a.label_id == b.label_id) {
      ++comparison.equal_labels;
    } else {
      comparison.flips.push_back({.row = row, .truth = truth[row], .first = a, .second = b});
    }
  }
  std::ranges::sort(comparison.flips, {}, badness);
  comparison.first_accuracy = wilson_interval(counts.first_right(), counts.rows());
  comparison.second_accuracy = wilson_interval(counts.second_right(), counts.rows());
  comparison.loss = paired_difference_interval(counts);
  comparison.mcnemar = mcnemar_test(counts);
  comparison.logit_error = relative_logit_error(first, second, num_labels);
  return comparison;
}

}  // namespace valence
