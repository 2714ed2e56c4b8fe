/// \file
/// The options of `valence eval`, as written and as meant.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "valence/base/error.h"
#include "valence/classifier.h"
#include "valence/cli/eval_rows.h"
#include "valence/cli/evaluation.h"
#include "valence/pipeline/labelled_texts.h"

namespace CLI {
class App;
}

namespace valence::cli {

/// Of labelled files and the model that reads them: what `eval` and `models calibrate` share.
struct LabelledDataArguments {
  std::string input_format;
  std::string encoding = "utf-8";
  std::string text_column;
  std::string text_pair_column;
  std::string label_column = pipeline::kUsualLabelColumn;
  std::string choices_column;
  std::vector<std::string> map_labels;
  std::string max_length;
  std::string batch_tokens;
  std::string threads;
  std::string precision = "auto";
};

struct LabelledDataOptions {
  ClassifierOptions classifier;  ///< that gives logits
  EvalRequest request;
};

void declare_labelled_data_options(CLI::App& app, LabelledDataArguments& arguments);
Result<LabelledDataOptions> interpret(const LabelledDataArguments& arguments);

/// The words of the command line, one member an option, unchecked.
struct EvalArguments {
  std::vector<std::string> data;
  std::string model = "default";
  LabelledDataArguments labelled;
  std::vector<std::string> labels;
  std::string adapter;
  std::string report;
  std::string label_errors;
  std::vector<std::string> slices;
  std::string target;
  std::vector<std::string> fail_under;
  std::string compare;
  std::vector<std::string> train_data;
  std::string bootstrap = "1000";
  std::string seed = "0";
  bool no_calibration = false;
  bool json = false;
};

struct EvalOptions {
  LabelledDataOptions labelled;
  EvaluationOptions evaluation;
  std::vector<std::pair<std::string, double>> fail_under;
};

void declare_eval_options(CLI::App& app, EvalArguments& arguments);

/// Checks each value. Errors name the option.
Result<EvalOptions> interpret(const EvalArguments& arguments);

/// The name of a figure as --fail-under takes it, "f1" being macro F1. Error: lists the figures of that kind.
Result<std::string> figure_named(const std::string& name, AnswerKind kind);

/// The index of `figure` among figure_names(kind).
[[nodiscard]] std::size_t index_of_figure(const std::string& figure, AnswerKind kind);

/// A number from `low` to `high`.
Result<double> parse_number(const std::string& option, const std::string& word, double low, double high);

}  // namespace valence::cli
