/// \file
/// Everything that `valence eval` finds out about a model on labelled rows, as values: tables, JSON and pictures are
/// made from it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "valence/base/statistics.h"
#include "valence/cli/eval_rows.h"
#include "valence/eval/bootstrap.h"
#include "valence/eval/label_errors.h"
#include "valence/eval/metrics.h"
#include "valence/eval/reliability.h"
#include "valence/eval/thresholds.h"

namespace valence::cli {

/// One figure of a whole set of rows: "macro_f1".
struct Figure {
  std::string name;
  double value = 0;
  Interval interval;  ///< NaN without bootstrap
};

/// Names of the figures of a kind of answers, in the order of compute_figures().
[[nodiscard]] const std::vector<std::string>& figure_names(AnswerKind kind);
/// Errors and losses: less is better.
[[nodiscard]] bool is_lower_better(std::string_view figure);
/// Shares are shown in percent, losses and numbers as they are.
[[nodiscard]] bool is_share(std::string_view figure);

/// The figures over the rows of `sample`, which may repeat, then the F1 of each label (none of numbers).
[[nodiscard]] std::vector<double> compute_figures(const EvalRows& rows, const Answers& answers,
                                                  std::span<const std::uint32_t> sample);
/// Over all rows.
[[nodiscard]] std::vector<double> compute_figures(const EvalRows& rows, const Answers& answers);

/// Rows with the same value of a column.
struct Slice {
  std::string value;
  std::uint64_t rows = 0;
  std::vector<double> figures;  ///< as compute_figures()
};

struct SlicedColumn {
  std::string column;
  std::vector<Slice> slices;     ///< of a column the most frequent values first; of lengths by length
  std::size_t other_values = 0;  ///< that are not listed
};

/// --target precision=0.9 or recall=0.9.
struct ScoreTarget {
  enum class Figure { kPrecision, kRecall } figure = Figure::kPrecision;
  double value = 0;
};

struct LabelThreshold {
  std::size_t label = 0;
  std::optional<eval::ThresholdChoice> choice;  ///< nothing: no threshold reaches the target
};

struct Mistake {
  std::size_t row = 0;
  double loss = 0;  ///< of numbers the absolute error
};

struct Evaluation {
  std::vector<Figure> figures;
  std::vector<eval::ClassMetrics> classes;  ///< by label id; none of numbers
  std::vector<Interval> class_f1;
  eval::ConfusionMatrix confusion;  ///< kOneLabel only
  /// kOneLabel: of the label answered. kLabelSets: of every score, whether the row has the label. None of numbers.
  eval::Reliability reliability;
  eval::Reliability adaptive;
  std::vector<SlicedColumn> slices;  ///< lengths in words, then the columns asked for
  std::vector<LabelThreshold> thresholds;
  std::vector<Mistake> mistakes;  ///< worst first
  /// kOneLabel: rows whose label the model contradicts, most suspicious first.
  std::vector<eval::LabelSuspect> suspects;
};

struct EvaluationOptions {
  eval::BootstrapOptions bootstrap;
  std::optional<ScoreTarget> target;
};

[[nodiscard]] Evaluation evaluate(const EvalRows& rows, const Answers& answers, const EvaluationOptions& options);

/// Two models on the same rows.
struct ModelComparison {
  PairedCounts counts;  ///< first: the model; second: the one compared with. Label sets are right when every bit is
  McNemar mcnemar;
  Interval accuracy_difference;        ///< first less second, Bonett and Price's
  std::vector<Figure> differences;     ///< first less second with bootstrap intervals, by figure
  eval::ConfusionMatrix confusion;     ///< the second one's; kOneLabel
  std::vector<double> second_figures;  ///< as compute_figures()
};

[[nodiscard]] ModelComparison compare_models(const EvalRows& rows, const Answers& first, const Answers& second,
                                             const eval::BootstrapOptions& bootstrap);

/// Words between white space.
[[nodiscard]] std::size_t count_words(std::string_view text);

}  // namespace valence::cli
