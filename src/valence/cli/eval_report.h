/// \file
/// What `valence eval` found, for people at a terminal, for programs, and as a page with pictures.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "valence/cli/evaluation.h"

namespace valence::cli {

/// Another set of rows or another model, beside the evaluation.
struct NamedFigures {
  std::string name;
  std::uint64_t rows = 0;
  std::vector<double> figures;  ///< as compute_figures()
};

/// --fail-under accuracy=0.9
struct Gate {
  std::string figure;
  double wanted = 0;
  double value = 0;
  [[nodiscard]] bool passed() const { return is_lower_better(figure) ? value <= wanted : value >= wanted; }
};

/// Everything a report speaks of. The references must outlive it.
struct EvalFindings {
  const EvalRows& rows;
  const Answers& answers;
  const Evaluation& evaluation;
  std::string model;    ///< its name, without the folders above it
  std::string data;     ///< the files, as they were named
  std::string created;  ///< RFC 3339, UTC
  bool is_calibrated = false;
  double temperature = 1;
  std::size_t resamples = 0;
  std::uint64_t seed = 0;
  std::optional<ScoreTarget> target;
  std::optional<NamedFigures> training = std::nullopt;  ///< --train-data
  const ModelComparison* comparison = nullptr;          ///< --compare
  std::string compared_model = {};
  std::vector<Gate> gates = {};
};

/// The tables on standard output. `columns` is the width that excerpts of texts are cut to.
[[nodiscard]] std::string eval_table(const EvalFindings& findings, std::size_t columns, bool unicode);

[[nodiscard]] std::string eval_json(const EvalFindings& findings);

/// One self-contained HTML page: no request leaves it, every text is escaped.
[[nodiscard]] std::string eval_html(const EvalFindings& findings);

/// What a reader should know before trusting the figures.
[[nodiscard]] std::vector<std::string> eval_cautions(const EvalFindings& findings);

/// "macro F1" for "macro_f1", and the figure with its unit: "89.45 %", "0.3123".
[[nodiscard]] std::string title_of(const std::string& figure);
[[nodiscard]] std::string shown_value(std::string_view figure, double value);
/// What the two are compared by: accuracy or subset accuracy.
[[nodiscard]] std::string outcome_of(const McNemar& test);
/// The truth or the answer of a row in words: "joy|love", "4.5".
[[nodiscard]] std::string truth_of(const EvalRows& rows, std::size_t row);
[[nodiscard]] std::string answer_of(const EvalRows& rows, const Answers& answers, std::size_t row);

}  // namespace valence::cli
