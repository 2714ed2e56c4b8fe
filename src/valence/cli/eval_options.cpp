#include "valence/cli/eval_options.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "valence/cli/classify_options.h"
#include "valence/cli/nearest_word.h"

namespace valence::cli {
namespace {

constexpr std::size_t kMaxResamples = 1'000'000;

/// "name=0.9" as the two.
Result<std::pair<std::string, double>> parse_assignment(const std::string& option, const std::string& word, double low,
                                                        double high) {
  const auto equals = word.find('=');
  if (equals == std::string::npos || equals == 0) {
    return fail(ErrorCode::kInvalidArgument, option, fmt::format("\"{}\" is not written as name=number", word));
  }
  VALENCE_TRY(const double number, parse_number(option, word.substr(equals + 1), low, high));
  return std::pair(word.substr(0, equals), number);
}

Result<std::uint64_t> parse_whole(const std::string& option, const std::string& word, std::uint64_t highest) {
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), value);
  if (failed == std::errc() && end == word.data() + word.size() && value <= highest) return value;
  return fail(ErrorCode::kInvalidArgument, option,
              fmt::format("\"{}\" is no whole number from 0 to {}", word, highest));
}

Result<std::optional<ScoreTarget>> parse_target(const std::string& word) {
  if (word.empty()) return std::nullopt;
  VALENCE_TRY(const auto target, parse_assignment("--target", word, 0, 1));
  if (target.first == "precision") return ScoreTarget{ScoreTarget::Figure::kPrecision, target.second};
  if (target.first == "recall") return ScoreTarget{ScoreTarget::Figure::kRecall, target.second};
  return fail(ErrorCode::kInvalidArgument, "--target",
              fmt::format("\"{}\" is not one of precision, recall", target.first));
}

Result<LabelRenaming> parse_renaming(const std::vector<std::string>& words) {
  LabelRenaming renaming;
  for (const std::string& word : words) {
    // The data's label is the one that may hold a '=': the model's are known.
    const auto equals = word.rfind('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == word.size()) {
      return fail(ErrorCode::kInvalidArgument, "--map-labels",
                  fmt::format("\"{}\" is not written as label=model's label", word));
    }
    const auto [known, is_new] = renaming.emplace(word.substr(0, equals), word.substr(equals + 1));
    if (!is_new) {
      return fail(ErrorCode::kInvalidArgument, "--map-labels", fmt::format("\"{}\" is mapped twice", known->first));
    }
  }
  return renaming;
}

}  // namespace

Result<double> parse_number(const std::string& option, const std::string& word, double low, double high) {
  double value = 0;
  const auto [end, failed] = std::from_chars(word.data(), word.data() + word.size(), value);
  const bool is_number = failed == std::errc() && end == word.data() + word.size() && std::isfinite(value);
  if (is_number && value >= low && value <= high) return value;
  return fail(ErrorCode::kInvalidArgument, option,
              is_number ? fmt::format("{} is out of range: expected {:g} to {:g}", word, low, high)
                        : fmt::format("\"{}\" is no number", word));
}

void declare_labelled_data_options(CLI::App& app, LabelledDataArguments& arguments) {
  const auto input = "Input";
  app.add_option("--text-column", arguments.text_column,
                 "Column or field of the text [text, sentence, comment, content, review, body or message]")
      ->type_name("C")
      ->group(input);
  app.add_option("--text-pair-column", arguments.text_pair_column, "Column or field of the second text, for pairs")
      ->type_name("C")
      ->group(input);
  app.add_option("--label-column", arguments.label_column,
                 "Column or field of the label; several of one row are joined by | [label]")
      ->type_name("C")
      ->group(input);
  app.add_option("--choices-column", arguments.choices_column,
                 "Column of the labels that the row was labelled among, joined by |; empty: all")
      ->type_name("C")
      ->group(input);
  app.add_option("--map-labels", arguments.map_labels,
                 "What the data's labels are called in the model: pos=positive,...")
      ->delimiter(',')
      ->type_name("A=B,...")
      ->group(input)
      ->allow_extra_args(false);
  app.add_option("--input-format", arguments.input_format, "csv, tsv or jsonl [by suffix]")
      ->type_name("F")
      ->group(input);
  app.add_option("--encoding", arguments.encoding, "utf-8, windows-1252, iso-8859-1 or utf-16 [utf-8]")
      ->type_name("E")
      ->group(input);
  const auto compute = "Compute";
  app.add_option("--max-length", arguments.max_length, "Tokens read of a text, special ones counted [the model's]")
      ->type_name("N")
      ->group(compute);
  app.add_option("--batch-tokens", arguments.batch_tokens, "Token budget of one batch [chosen for the machine]")
      ->type_name("N")
      ->group(compute);
  app.add_option("--threads", arguments.threads, "Compute threads [physical cores]")->type_name("N")->group(compute);
  app.add_option("--precision", arguments.precision, "auto, fp32, fp16, bf16 or int8; auto is the model's own [auto]")
      ->type_name("P")
      ->group(compute);
}

Result<LabelledDataOptions> interpret(const LabelledDataArguments& arguments) {
  ClassifyArguments as_classify;  // what the commands share means the same in both
  as_classify.input_format = arguments.input_format;
  as_classify.encoding = arguments.encoding;
  as_classify.text_column = arguments.text_column;
  as_classify.text_pair_column = arguments.text_pair_column;
  as_classify.max_length = arguments.max_length;
  as_classify.batch_tokens = arguments.batch_tokens;
  as_classify.threads = arguments.threads;
  as_classify.precision = arguments.precision;
  VALENCE_TRY(const ClassifyOptions shared, interpret(as_classify, false));
  LabelledDataOptions options;
  options.classifier = shared.classifier;
  options.classifier.function = ScoreFunction::kNone;
  options.request.reader = shared.reader;
  options.request.label_column = arguments.label_column;
  options.request.choices_column = arguments.choices_column;
  VALENCE_TRY(options.request.renaming, parse_renaming(arguments.map_labels));
  return options;
}

void declare_eval_options(CLI::App& app, EvalArguments& arguments) {
  app.add_option("data", arguments.data, "Labelled rows (.csv .tsv .jsonl, also .gz and .zst)")
      ->type_name("DATA")
      ->required();
  declare_labelled_data_options(app, arguments.labelled);
  const auto model = "Model";
  app.add_option("-m,--model", arguments.model, "A model, as classify takes it [default]")
      ->type_name("REF")
      ->group(model);
  app.add_option("--adapter", arguments.adapter, "A PEFT LoRA adapter, merged over the model")
      ->type_name("DIR")
      ->group(model);
  app.add_option("--labels", arguments.labels, "Keep only these labels of the model and renormalise")
      ->delimiter(',')
      ->type_name("A,B")
      ->group(model)
      ->allow_extra_args(false);
  app.add_flag("--no-calibration", arguments.no_calibration, "Leave the model's calibration.json alone")->group(model);
  const auto asked = "What to find out";
  app.add_option("--slices", arguments.slices, "Figures by the values of these columns, besides the length")
      ->delimiter(',')
      ->type_name("COL,...")
      ->group(asked)
      ->allow_extra_args(false);
  app.add_option("--target", arguments.target, "Thresholds for precision=X or recall=X, by label")
      ->type_name("NAME=X")
      ->group(asked);
  app.add_option("--compare", arguments.compare, "Another model on the same rows: differences and McNemar's test")
      ->type_name("REF")
      ->group(asked);
  app.add_option("--train-data", arguments.train_data, "The rows it was trained on, to show over-fitting")
      ->delimiter(',')
      ->type_name("FILE,...")
      ->group(asked)
      ->allow_extra_args(false);
  app.add_option("--bootstrap", arguments.bootstrap, "Resamples for the intervals; 0: none [1000]")
      ->type_name("N")
      ->group(asked);
  app.add_option("--seed", arguments.seed, "Of the resamples [0]")->type_name("N")->group(asked);
  const auto output = "Output";
  app.add_option("--report", arguments.report, "Also an HTML page with pictures, in one file")
      ->type_name("FILE")
      ->group(output);
  app.add_option("--label-errors", arguments.label_errors,
                 "Also the rows whose label may be wrong, most suspicious first (.csv .tsv .jsonl, also .gz and .zst)")
      ->type_name("FILE")
      ->group(output);
  app.add_flag("--json", arguments.json, "Everything as JSON on standard output")->group(output);
  app.add_option("--fail-under", arguments.fail_under,
                 "Exit code 1 if a figure is worse than this, as accuracy=0.9 or ece=0.05 (at most)")
      ->delimiter(',')
      ->type_name("NAME=X,...")
      ->group(output)
      ->allow_extra_args(false);
}

Result<EvalOptions> interpret(const EvalArguments& arguments) {
  EvalOptions options;
  VALENCE_TRY(options.labelled, interpret(arguments.labelled));
  options.labelled.classifier.labels = arguments.labels;
  options.labelled.classifier.adapter = arguments.adapter;
  options.labelled.classifier.use_calibration = !arguments.no_calibration;
  options.labelled.request.slice_columns = arguments.slices;
  VALENCE_TRY(options.evaluation.target, parse_target(arguments.target));
  VALENCE_TRY(const auto resamples, parse_whole("--bootstrap", arguments.bootstrap, kMaxResamples));
  options.evaluation.bootstrap.resamples = resamples;
  VALENCE_TRY(options.evaluation.bootstrap.seed,
              parse_whole("--seed", arguments.seed, std::numeric_limits<std::uint64_t>::max()));
  for (const std::string& word : arguments.fail_under) {
    constexpr double kAny = std::numeric_limits<double>::max();
    VALENCE_TRY(auto gate, parse_assignment("--fail-under", word, -kAny, kAny));
    options.fail_under.push_back(std::move(gate));
  }
  return options;
}

Result<std::string> figure_named(const std::string& name, AnswerKind kind) {
  const auto& names = figure_names(kind);
  const std::string meant = name == "f1" || name == "precision" || name == "recall" ? "macro_" + name : name;
  if (std::ranges::find(names, meant) != names.end()) return meant;
  const std::string nearest = nearest_word(name, names);
  return fail(ErrorCode::kInvalidArgument, "--fail-under",
              fmt::format("there is no figure {}: expected one of {}", name, fmt::join(names, ", ")),
              nearest.empty() ? "" : fmt::format("did you mean {}?", nearest));
}

std::size_t index_of_figure(const std::string& figure, AnswerKind kind) {
  const auto& names = figure_names(kind);
  return static_cast<std::size_t>(std::ranges::find(names, figure) - names.begin());
}

}  // namespace valence::cli
