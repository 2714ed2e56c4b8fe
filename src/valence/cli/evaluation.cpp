#include "valence/cli/evaluation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>

namespace valence::cli {
namespace {

constexpr std::size_t kListedSlices = 12;
/// Lower ends of the length buckets, in words.
constexpr std::array<std::size_t, 8> kLengths{0, 5, 10, 20, 40, 80, 160, 320};

std::string length_name(std::size_t bucket) {
  if (bucket + 1 == kLengths.size()) return fmt::format("{} and more", kLengths[bucket]);
  return fmt::format("{} to {}", kLengths[bucket], kLengths[bucket + 1] - 1);
}

std::vector<Slice> slices_of(const EvalRows& rows, const Answers& answers,
                             const std::vector<std::pair<std::string, std::vector<std::uint32_t>>>& groups) {
  std::vector<Slice> slices;
  for (const auto& [value, members] : groups) {
    slices.push_back({.value = value, .rows = members.size(), .figures = compute_figures(rows, answers, members)});
  }
  return slices;
}

SlicedColumn slice_by_length(const EvalRows& rows, const Answers& answers) {
  std::vector<std::vector<std::uint32_t>> buckets(kLengths.size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    const auto above = std::ranges::upper_bound(kLengths, count_words(rows.texts[row]));
    buckets[static_cast<std::size_t>(above - kLengths.begin()) - 1].push_back(static_cast<std::uint32_t>(row));
  }
  std::vector<std::pair<std::string, std::vector<std::uint32_t>>> groups;
  for (std::size_t bucket = 0; bucket < buckets.size(); ++bucket) {
    if (!buckets[bucket].empty()) groups.emplace_back(length_name(bucket), std::move(buckets[bucket]));
  }
  return {.column = "words", .slices = slices_of(rows, answers, groups)};
}

SlicedColumn slice_by_column(const EvalRows& rows, const Answers& answers, std::size_t column) {
  std::map<std::string, std::vector<std::uint32_t>> by_value;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    by_value[rows.slice_values[column][row]].push_back(static_cast<std::uint32_t>(row));
  }
  std::vector<std::pair<std::string, std::vector<std::uint32_t>>> groups(by_value.begin(), by_value.end());
  std::ranges::stable_sort(groups, std::ranges::greater(), [](const auto& group) { return group.second.size(); });
  SlicedColumn sliced{.column = rows.slice_columns[column], .slices = {}};
  if (groups.size() > kListedSlices) {
    sliced.other_values = groups.size() - kListedSlices;
    groups.resize(kListedSlices);
  }
  sliced.slices = slices_of(rows, answers, groups);
  return sliced;
}

bool is_right(const EvalRows& rows, const Answers& answers, std::size_t row) {
  if (rows.kind == AnswerKind::kOneLabel) return rows.truth[row] == answers.predicted[row];
  const std::size_t num_labels = rows.labels.size();
  return std::ranges::equal(std::span(rows.truth_bits).subspan(row * num_labels, num_labels),
                            std::span(answers.bits).subspan(row * num_labels, num_labels));
}

std::vector<Mistake> worst_mistakes(const EvalRows& rows, const Answers& answers) {
  std::vector<Mistake> mistakes;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    if (rows.kind != AnswerKind::kNumbers && is_right(rows, answers, row)) continue;
    mistakes.push_back({.row = row, .loss = answers.losses[row]});
  }
  std::ranges::stable_sort(mistakes, std::ranges::greater(), &Mistake::loss);
  return mistakes;
}

std::vector<LabelThreshold> thresholds_for(const EvalRows& rows, const Answers& answers, const ScoreTarget& target) {
  const std::size_t num_labels = rows.labels.size();
  std::vector<LabelThreshold> thresholds;
  std::vector<float> scores(rows.size());
  std::vector<std::uint8_t> is_true(rows.size());
  for (std::size_t label = 0; label < num_labels; ++label) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      scores[row] = answers.scores[row * num_labels + label];
      is_true[row] = rows.kind == AnswerKind::kOneLabel
                         ? static_cast<std::uint8_t>(rows.truth[row] == static_cast<std::int32_t>(label))
                         : rows.truth_bits[row * num_labels + label];
    }
    thresholds.push_back({label, target.figure == ScoreTarget::Figure::kPrecision
                                     ? eval::threshold_for_precision(scores, is_true, target.value)
                                     : eval::threshold_for_recall(scores, is_true, target.value)});
  }
  return thresholds;
}

void add_label_views(Evaluation& evaluation, const EvalRows& rows, const Answers& answers) {
  std::vector<std::uint8_t> verdicts(rows.size());
  for (std::size_t row = 0; row < rows.size(); ++row) verdicts[row] = is_right(rows, answers, row) ? 1 : 0;
  evaluation.confusion = eval::confusion_matrix(rows.truth, answers.predicted, rows.labels.size());
  evaluation.classes = eval::classification_metrics(evaluation.confusion).labels;
  evaluation.reliability = eval::reliability(answers.confidence, verdicts);
  evaluation.adaptive =
      eval::reliability(answers.confidence, verdicts, eval::kReliabilityBins, eval::Binning::kEqualMass);
  if (rows.labels.size() < 2) return;
  evaluation.suspects = eval::rank_label_suspects(answers.scores, rows.truth, rows.labels.size());
  std::erase_if(evaluation.suspects, [](const eval::LabelSuspect& suspect) { return suspect.margin >= 0; });
}

void add_set_views(Evaluation& evaluation, const EvalRows& rows, const Answers& answers) {
  const std::size_t num_labels = rows.labels.size();
  evaluation.classes = eval::multi_label_metrics({num_labels, rows.truth_bits}, {num_labels, answers.bits}).labels;
  evaluation.reliability = eval::reliability(answers.scores, rows.truth_bits);
  evaluation.adaptive =
      eval::reliability(answers.scores, rows.truth_bits, eval::kReliabilityBins, eval::Binning::kEqualMass);
}

std::vector<Interval> resample(std::size_t rows, std::size_t num_figures, const eval::FiguresOf& figures_of,
                               const eval::BootstrapOptions& bootstrap) {
  if (bootstrap.resamples > 0) return eval::bootstrap_intervals(rows, num_figures, figures_of, bootstrap);
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  return std::vector<Interval>(num_figures, Interval{kNan, kNan});
}

}  // namespace

std::size_t count_words(std::string_view text) {
  std::size_t words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool is_space = c == ' ' || (c >= '\t' && c <= '\r');
    if (!is_space && !inside) ++words;
    inside = !is_space;
  }
  return words;
}

Evaluation evaluate(const EvalRows& rows, const Answers& answers, const EvaluationOptions& options) {
  Evaluation evaluation;
  const auto& names = figure_names(rows.kind);
  const auto values = compute_figures(rows, answers);
  const auto intervals = resample(
      rows.size(), values.size(),
      [&](std::span<const std::uint32_t> sample, std::span<double> figures) {
        std::ranges::copy(compute_figures(rows, answers, sample), figures.begin());
      },
      options.bootstrap);
  for (std::size_t i = 0; i < names.size(); ++i) evaluation.figures.push_back({names[i], values[i], intervals[i]});
  evaluation.class_f1.assign(intervals.begin() + static_cast<std::ptrdiff_t>(names.size()), intervals.end());
  if (rows.kind == AnswerKind::kOneLabel) add_label_views(evaluation, rows, answers);
  if (rows.kind == AnswerKind::kLabelSets) add_set_views(evaluation, rows, answers);
  evaluation.slices.push_back(slice_by_length(rows, answers));
  for (std::size_t column = 0; column < rows.slice_columns.size(); ++column) {
    evaluation.slices.push_back(slice_by_column(rows, answers, column));
  }
  if (options.target && rows.kind != AnswerKind::kNumbers) {
    evaluation.thresholds = thresholds_for(rows, answers, *options.target);
  }
  evaluation.mistakes = worst_mistakes(rows, answers);
  return evaluation;
}

ModelComparison compare_models(const EvalRows& rows, const Answers& first, const Answers& second,
                               const eval::BootstrapOptions& bootstrap) {
  ModelComparison comparison;
  if (rows.kind != AnswerKind::kNumbers) {
    for (std::size_t row = 0; row < rows.size(); ++row) {
      const bool first_right = is_right(rows, first, row);
      const bool second_right = is_right(rows, second, row);
      ++(first_right ? (second_right ? comparison.counts.both_right : comparison.counts.only_first_right)
                     : (second_right ? comparison.counts.only_second_right : comparison.counts.both_wrong));
    }
    comparison.mcnemar = mcnemar_test(comparison.counts);
    comparison.accuracy_difference = paired_difference_interval(comparison.counts);
  }
  if (rows.kind == AnswerKind::kOneLabel) {
    comparison.confusion = eval::confusion_matrix(rows.truth, second.predicted, rows.labels.size());
  }
  const auto& names = figure_names(rows.kind);
  const auto of_first = compute_figures(rows, first);
  comparison.second_figures = compute_figures(rows, second);
  const auto intervals = resample(
      rows.size(), names.size(),
      [&](std::span<const std::uint32_t> sample, std::span<double> differences) {
        const auto a = compute_figures(rows, first, sample);
        const auto b = compute_figures(rows, second, sample);
        for (std::size_t i = 0; i < differences.size(); ++i) differences[i] = a[i] - b[i];
      },
      bootstrap);
  for (std::size_t i = 0; i < names.size(); ++i) {
    comparison.differences.push_back({names[i], of_first[i] - comparison.second_figures[i], intervals[i]});
  }
  return comparison;
}

}  // namespace valence::cli
