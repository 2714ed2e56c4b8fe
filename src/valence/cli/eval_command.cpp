/// \file
/// `valence eval`: how good a model is on labelled rows, and where it is wrong.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>

#include "valence/base/json.h"
#include "valence/cli/command.h"
#include "valence/cli/eval_options.h"
#include "valence/cli/eval_report.h"
#include "valence/cli/eval_run.h"
#include "valence/cli/eval_suspects.h"
#include "valence/cli/model_ref.h"
#include "valence/cli/option_values.h"
#include "valence/cli/quantities.h"
#include "valence/cli/signals.h"
#include "valence/cli/terminal.h"
#include "valence/data/output_file.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

constexpr const char* kExamples = R"(
Examples:
  valence eval dev.csv -m ./my-model
  valence eval dev.csv -m ./my-model --report report.html --slices channel,language
  valence eval dev.csv -m ./new-model --compare ./old-model
  valence eval dev.csv -m ./my-model --train-data train.csv --target precision=0.9
  valence eval dev.csv --labels negative,positive --map-labels pos=positive,neg=negative
  valence eval dev.csv -m ./my-model --fail-under accuracy=0.9,ece=0.05 --quiet)";

ExitCode failed(const Error& error) {
  print_error(error);
  return exit_code_for(error.code());
}

/// Both models' labels must be the same set: the second one's answers are then put in the first one's order.
Result<Answers> in_order_of(Answers answers, const std::vector<std::string>& own, const EvalRows& rows,
                            const std::optional<Calibration>& calibration) {
  const std::size_t num_labels = own.size();
  Answers ordered;
  ordered.errors = std::move(answers.errors);
  ordered.logits.resize(answers.logits.size());
  std::vector<std::size_t> place_of;
  for (const std::string& label : own) {
    place_of.push_back(static_cast<std::size_t>(std::ranges::find(rows.labels, label) - rows.labels.begin()));
  }
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t label = 0; label < num_labels; ++label) {
      ordered.logits[row * num_labels + place_of[label]] = answers.logits[row * num_labels + label];
    }
  }
  std::optional<Calibration> moved = calibration;
  for (std::size_t label = 0; moved && label < moved->label_thresholds.size(); ++label) {
    moved->label_thresholds[place_of[label]] = calibration->label_thresholds[label];
  }
  rescore(ordered, rows, moved);
  return ordered;
}

Status check_same_labels(const std::vector<std::string>& first, const std::vector<std::string>& second) {
  std::vector<std::string> a(first);
  std::vector<std::string> b(second);
  std::ranges::sort(a);
  std::ranges::sort(b);
  if (a == b) return {};
  std::vector<std::string> common;
  std::ranges::set_intersection(a, b, std::back_inserter(common));
  return fail(
      ErrorCode::kInvalidArgument, "--compare",
      fmt::format("the models have other labels: {} against {}", fmt::join(first, ", "), fmt::join(second, ", ")),
      common.size() < 2 ? "models are compared on the labels that both have"
                        : fmt::format("compare them on what both have: --labels {}", fmt::join(common, ",")));
}

Status write_report(const std::string& path, const std::string& html) {
  VALENCE_TRY(const auto output, data::OutputFile::open(path, {}));
  output->sink().buffer() += html;
  VALENCE_TRY_STATUS(output->sink().end_record());
  return output->commit();
}

/// The whole of a run: what is loaded and answered, and what is found out.
class EvalSession {
 public:
  EvalSession(const EvalArguments& arguments, EvalOptions options, const GlobalOptions& global, SignalWatcher& signals)
      : arguments_(arguments), options_(std::move(options)), global_(global), signals_(signals) {}

  /// The exit code, or what went wrong.
  Result<ExitCode> run() {
    options_.labelled.request.reader.stop = &signals_.stop();
    VALENCE_TRY(classifier_, load_classifier(arguments_.model, options_.labelled.classifier));
    tell_warnings(*classifier_);
    VALENCE_TRY(const AnswerKind kind, answer_kind(*classifier_));
    if (!arguments_.label_errors.empty() && kind != AnswerKind::kOneLabel) {
      return fail(ErrorCode::kInvalidArgument, "--label-errors", "is for models that give one label a text",
                  "leave it out");
    }
    if (!arguments_.label_errors.empty()) {
      VALENCE_TRY_STATUS(check_label_errors_file(arguments_.label_errors));
    }
    std::vector<Gate> gates;
    for (const auto& [name, wanted] : options_.fail_under) {
      VALENCE_TRY(std::string figure, figure_named(name, kind));
      gates.push_back({.figure = std::move(figure), .wanted = wanted});
    }
    VALENCE_TRY(EvalRows rows, read_eval_rows(arguments_.data, options_.labelled.request, classifier_->labels(), kind));
    VALENCE_TRY(Answers answers, answer(*classifier_, rows));
    std::optional<Answers> second;
    if (!arguments_.compare.empty()) {
      VALENCE_TRY(second, answers_of_compared(rows));
    }
    std::vector<Answers*> all{&answers};
    if (second) all.push_back(&*second);
    drop_unanswered(rows, all);
    tell_failed_rows(rows);
    if (rows.size() == 0) return fail(rows.failed.front().in("no row can be classified; the first"));

    const Evaluation evaluation = evaluate(rows, answers, options_.evaluation);
    std::optional<ModelComparison> comparison;
    if (second) comparison = compare_models(rows, answers, *second, options_.evaluation.bootstrap);
    std::optional<NamedFigures> training;
    if (!arguments_.train_data.empty()) {
      VALENCE_TRY(training, figures_of_training(kind));
    }
    for (Gate& gate : gates) gate.value = evaluation.figures[index_of_figure(gate.figure, kind)].value;
    const auto& calibration = classifier_->calibration();
    const EvalFindings findings{
        .rows = rows,
        .answers = answers,
        .evaluation = evaluation,
        .model = name_of_model(arguments_.model),
        .data = fmt::format("{}", fmt::join(arguments_.data, ", ")),
        .created = utc_time(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())),
        .is_calibrated = calibration.has_value(),
        .temperature = calibration ? calibration->temperature : 1,
        .resamples = options_.evaluation.bootstrap.resamples,
        .seed = options_.evaluation.bootstrap.seed,
        .target = options_.evaluation.target,
        .training = std::move(training),
        .comparison = comparison ? &*comparison : nullptr,
        .compared_model = name_of_model(arguments_.compare),
        .gates = std::move(gates)};
    return tell(findings);
  }

 private:
  void tell_warnings(const Classifier& classifier) const {
    if (global_.quiet) return;
    for (const std::string& warning : classifier.warnings()) print_warning(warning);
  }

  void tell_failed_rows(const EvalRows& rows) const {
    if (!global_.quiet) print_failed_rows(rows.failed);
  }

  Result<Answers> answer(const Classifier& classifier, const EvalRows& rows) {
    return answer_with_progress(classifier, rows, global_, signals_.stop());
  }

  Result<Answers> answers_of_compared(const EvalRows& rows) {
    VALENCE_TRY(const auto other, load_classifier(arguments_.compare, compared_options()));
    tell_warnings(*other);
    VALENCE_TRY_STATUS(check_same_labels(classifier_->labels(), other->labels()));
    VALENCE_TRY(const AnswerKind kind, answer_kind(*other));
    if (kind != rows.kind) {
      return fail(ErrorCode::kInvalidArgument, "--compare",
                  "one model gives a label a text and the other sets of labels or numbers");
    }
    VALENCE_TRY(Answers answers, answer(*other, rows));
    return in_order_of(std::move(answers), other->labels(), rows, other->calibration());
  }

  /// The adapter is the first model's.
  [[nodiscard]] ClassifierOptions compared_options() const {
    ClassifierOptions options = options_.labelled.classifier;
    options.adapter.clear();
    return options;
  }

  Result<NamedFigures> figures_of_training(AnswerKind kind) {
    EvalRequest request = options_.labelled.request;
    request.slice_columns.clear();
    VALENCE_TRY(EvalRows rows, read_eval_rows(arguments_.train_data, request, classifier_->labels(), kind));
    VALENCE_TRY(Answers answers, answer(*classifier_, rows));
    Answers* const only = &answers;
    drop_unanswered(rows, std::span(&only, 1));
    tell_failed_rows(rows);
    if (rows.size() == 0) return fail(rows.failed.front().in("no training row can be classified; the first"));
    return NamedFigures{.name = fmt::format("{}", fmt::join(arguments_.train_data, ", ")),
                        .rows = rows.size(),
                        .figures = compute_figures(rows, answers)};
  }

  Result<ExitCode> tell(const EvalFindings& findings) const {
    if (!arguments_.report.empty()) {
      VALENCE_TRY_STATUS(write_report(arguments_.report, eval_html(findings)));
    }
    if (!arguments_.label_errors.empty()) {
      VALENCE_TRY_STATUS(write_label_errors(findings, arguments_.label_errors));
    }
    const std::string shown = arguments_.json
                                  ? eval_json(findings)
                                  : eval_table(findings, terminal_width(STDOUT_FILENO), !is_dumb_terminal());
    if (const ExitCode printed = print_to_stdout(shown); printed != ExitCode::kOk) return printed;
    if (!global_.quiet) {
      for (const std::string& caution : eval_cautions(findings)) print_warning(caution);
      for (const std::string* const path : {&arguments_.report, &arguments_.label_errors}) {
        if (!path->empty()) print_note(fmt::format("{}: written", *path));
      }
    }
    const bool missed = !std::ranges::all_of(findings.gates, &Gate::passed);
    for (const Gate& gate : findings.gates) {
      if (gate.passed()) continue;
      print_note(fmt::format("--fail-under {}={:g} was missed: {:.6g}", gate.figure, gate.wanted, gate.value));
    }
    return missed || !findings.rows.failed.empty() ? ExitCode::kSomeRowsFailed : ExitCode::kOk;
  }

  const EvalArguments& arguments_;
  EvalOptions options_;
  const GlobalOptions& global_;
  SignalWatcher& signals_;
  std::shared_ptr<const Classifier> classifier_;
};

ExitCode eval(const EvalArguments& arguments, const GlobalOptions& global) {
  auto options = interpret(arguments);
  if (!options) return failed(options.error());
  for (const std::string* const path : {&arguments.report, &arguments.label_errors}) {
    const Status checked = check_output_is_no_input(arguments.data, *path);
    if (!checked) return failed(checked.error());
  }
  SignalWatcher signals;
  const auto code = EvalSession(arguments, std::move(*options), global, signals).run();
  if (code) return *code;
  return signals.signalled() ? signals.exit_code() : failed(code.error());
}

}  // namespace

Command add_eval(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("eval", "How good a model is on labelled rows, and where it is wrong");
  app->footer(kExamples);
  const auto arguments = std::make_shared<EvalArguments>();
  declare_eval_options(*app, *arguments);
  return {.app = app,
          .run = [arguments](const GlobalOptions& global) { return eval(*arguments, global); },
          .check = [arguments] { return outcome_of(interpret(*arguments)); }};
}

}  // namespace valence::cli
