#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "valence/cli/evaluation.h"

namespace valence::cli {
namespace {

void append(std::vector<double>& figures, const eval::PrecisionRecallF1& values) {
  figures.insert(figures.end(), {values.precision, values.recall, values.f1});
}

void append_f1_of_labels(std::vector<double>& figures, const std::vector<eval::ClassMetrics>& labels) {
  for (const eval::ClassMetrics& label : labels) figures.push_back(label.f1);
}

std::vector<double> figures_of_labels(const EvalRows& rows, const Answers& answers,
                                      std::span<const std::uint32_t> sample) {
  const std::size_t num_labels = rows.labels.size();
  eval::ConfusionMatrix confusion{num_labels, std::vector<std::uint64_t>(num_labels * num_labels)};
  std::vector<float> confidence;
  std::vector<std::uint8_t> is_right;
  double loss = 0;
  for (const std::uint32_t row : sample) {
    const auto truth = static_cast<std::size_t>(rows.truth[row]);
    const auto predicted = static_cast<std::size_t>(answers.predicted[row]);
    ++confusion.counts[truth * num_labels + predicted];
    confidence.push_back(answers.confidence[row]);
    is_right.push_back(truth == predicted ? 1 : 0);
    loss += answers.losses[row];
  }
  const auto metrics = eval::classification_metrics(confusion);
  std::vector<double> figures{metrics.accuracy, metrics.balanced_accuracy};
  append(figures, metrics.macro);
  append(figures, metrics.micro);
  append(figures, metrics.weighted);
  figures.push_back(metrics.matthews_correlation);
  figures.push_back(loss / static_cast<double>(sample.size()));
  figures.push_back(eval::reliability(confidence, is_right).expected_error);
  append_f1_of_labels(figures, metrics.labels);
  return figures;
}

std::vector<double> figures_of_sets(const EvalRows& rows, const Answers& answers,
                                    std::span<const std::uint32_t> sample) {
  const std::size_t num_labels = rows.labels.size();
  std::vector<std::uint8_t> truth;
  std::vector<std::uint8_t> predicted;
  std::vector<float> scores;
  double loss = 0;
  for (const std::uint32_t row : sample) {
    const auto begin = static_cast<std::ptrdiff_t>(row * num_labels);
    const auto end = begin + static_cast<std::ptrdiff_t>(num_labels);
    truth.insert(truth.end(), rows.truth_bits.begin() + begin, rows.truth_bits.begin() + end);
    predicted.insert(predicted.end(), answers.bits.begin() + begin, answers.bits.begin() + end);
    scores.insert(scores.end(), answers.scores.begin() + begin, answers.scores.begin() + end);
    loss += answers.losses[row];
  }
  const auto metrics = eval::multi_label_metrics({num_labels, truth}, {num_labels, predicted});
  std::vector<double> figures{metrics.subset_accuracy, metrics.hamming_loss};
  append(figures, metrics.macro);
  append(figures, metrics.micro);
  append(figures, metrics.weighted);
  append(figures, metrics.samples);
  figures.push_back(loss / static_cast<double>(truth.size()));
  figures.push_back(eval::reliability(scores, truth).expected_error);
  append_f1_of_labels(figures, metrics.labels);
  return figures;
}

std::vector<double> figures_of_numbers(const EvalRows& rows, const Answers& answers,
                                       std::span<const std::uint32_t> sample) {
  std::vector<double> truth;
  std::vector<double> predicted;
  for (const std::uint32_t row : sample) {
    truth.push_back(rows.truth_numbers[row]);
    predicted.push_back(answers.logits[row]);
  }
  const auto metrics = eval::regression_metrics(truth, predicted);
  return {metrics.mean_squared_error,
          std::sqrt(metrics.mean_squared_error),
          metrics.mean_absolute_error,
          metrics.r2,
          metrics.pearson,
          metrics.spearman};
}

}  // namespace

const std::vector<std::string>& figure_names(AnswerKind kind) {
  static const std::vector<std::string> kLabelFigures{"accuracy",           "balanced_accuracy",
                                                      "macro_precision",    "macro_recall",
                                                      "macro_f1",           "micro_precision",
                                                      "micro_recall",       "micro_f1",
                                                      "weighted_precision", "weighted_recall",
                                                      "weighted_f1",        "matthews_correlation",
                                                      "log_loss",           "ece"};
  static const std::vector<std::string> kSetFigures{
      "subset_accuracy",    "hamming_loss",    "macro_precision", "macro_recall",
      "macro_f1",           "micro_precision", "micro_recall",    "micro_f1",
      "weighted_precision", "weighted_recall", "weighted_f1",     "samples_precision",
      "samples_recall",     "samples_f1",      "log_loss",        "ece"};
  static const std::vector<std::string> kNumberFigures{
      "mean_squared_error", "root_mean_squared_error", "mean_absolute_error", "r2", "pearson", "spearman"};
  switch (kind) {
    case AnswerKind::kOneLabel:
      return kLabelFigures;
    case AnswerKind::kLabelSets:
      return kSetFigures;
    case AnswerKind::kNumbers:
      break;
  }
  return kNumberFigures;
}

bool is_lower_better(std::string_view figure) {
  return figure.ends_with("_error") || figure.ends_with("_loss") || figure == "ece";
}

bool is_share(std::string_view figure) {
  constexpr std::array<std::string_view, 4> kPlain{"log_loss", "r2", "pearson", "spearman"};
  return !figure.ends_with("_error") && figure != "matthews_correlation" &&
         std::ranges::find(kPlain, figure) == kPlain.end();
}

std::vector<double> compute_figures(const EvalRows& rows, const Answers& answers,
                                    std::span<const std::uint32_t> sample) {
  switch (rows.kind) {
    case AnswerKind::kOneLabel:
      return figures_of_labels(rows, answers, sample);
    case AnswerKind::kLabelSets:
      return figures_of_sets(rows, answers, sample);
    case AnswerKind::kNumbers:
      break;
  }
  return figures_of_numbers(rows, answers, sample);
}

std::vector<double> compute_figures(const EvalRows& rows, const Answers& answers) {
  std::vector<std::uint32_t> all(rows.size());
  std::iota(all.begin(), all.end(), 0U);
  return compute_figures(rows, answers, all);
}

}  // namespace valence::cli
