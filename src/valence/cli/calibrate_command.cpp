/// \file
/// `valence models calibrate`: makes a model's scores mean what they say, and keeps that with the model.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <system_error>

#include "valence/base/json_text.h"
#include "valence/cli/calibration_fit.h"
#include "valence/cli/command.h"
#include "valence/cli/eval_options.h"
#include "valence/cli/eval_run.h"
#include "valence/cli/model_ref.h"
#include "valence/cli/progress.h"
#include "valence/cli/quantities.h"
#include "valence/cli/signals.h"
#include "valence/cli/terminal.h"
#include "valence/data/output_file.h"
#include "valence/data/shown_text.h"
#include "valence/engine/calibration_file.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kFewRows = 200;
constexpr std::size_t kLabelColumns = 24;
constexpr std::size_t kNameColumns = 160;

constexpr const char* kExamples = R"(
Examples:
  valence models calibrate ./my-model --data dev.csv
  valence models calibrate ./my-model --data dev.csv --target-error 0.05   # then: valence classify --abstain
  valence models calibrate ./my-model --data dev.jsonl --dry-run --json)";

struct CalibrateArguments {
  std::string model;
  std::vector<std::string> data;
  LabelledDataArguments labelled;
  std::string target_error;
  std::string confidence = "0.9";
  std::string seed = "0";
  bool json = false;
  bool dry_run = false;
};

ExitCode failed(const Error& error) {
  print_error(error);
  return exit_code_for(error.code());
}

/// The directory to write to, known to be writable before anything is computed.
Result<fs::path> calibrated_directory(const CalibrateArguments& arguments) {
  VALENCE_TRY(const auto directory, resolve_model(arguments.model));
  if (!directory) {
    return fail(ErrorCode::kInvalidArgument, "the built-in model", "cannot be written to: it is part of the program",
                "give the directory of a model");
  }
  std::error_code ignored;
  if (!fs::is_directory(*directory, ignored)) {
    return fail(ErrorCode::kInvalidArgument, directory->string(),
                "is a single file, which a calibration cannot be kept beside",
                "put it into a directory of its own, or convert it with `valence models convert --to safetensors`");
  }
  if (!arguments.dry_run && ::access(directory->c_str(), W_OK) != 0) {
    return fail(ErrorCode::kIo, directory->string(), "cannot be written to", "calibrate a copy that you may write to");
  }
  return *directory;
}

Result<CalibrationRequest> request_of(const CalibrateArguments& arguments) {
  constexpr double kSmallest = 1e-6;
  CalibrationRequest request;
  if (!arguments.target_error.empty()) {
    VALENCE_TRY(request.target_error, parse_number("--target-error", arguments.target_error, kSmallest, 1 - kSmallest));
  }
  VALENCE_TRY(request.confidence, parse_number("--confidence", arguments.confidence, kSmallest, 1 - kSmallest));
  constexpr double kHighestSeed = 9007199254740992.0;  // what a double counts exactly
  VALENCE_TRY(const double seed, parse_number("--seed", arguments.seed, 0, kHighestSeed));
  request.seed = static_cast<std::uint64_t>(seed);
  return request;
}

/// Folders are nobody's business once the model is passed on.
std::string names_of(const std::vector<std::string>& paths) {
  std::vector<std::string> names;
  for (const std::string& path : paths) names.push_back(fs::path(path).filename().string());
  return fmt::format("{}", fmt::join(names, ", "));
}

double percent_of(std::uint64_t count, std::uint64_t of) {
  return of == 0 ? 0 : 100 * static_cast<double>(count) / static_cast<double>(of);
}

std::string table_of(const FittedCalibration& fitted, const EvalRows& rows, const std::string& model,
                     const std::string& data) {
  const HeldOutFigures& held = fitted.held_out;
  const Calibration& calibration = fitted.calibration;
  std::string out = fmt::format("{} on {}: {} rows\n\n  temperature {:.4f}{}\n\n", data::shown(model, kNameColumns),
                                data::shown(data, kNameColumns), with_thousands(rows.size()), calibration.temperature,
                                fitted.at_limit ? ", the limit of the search" : "");
  out += "  each half of the rows with what was fitted on the other     before      after\n";
  const auto line = [&out](std::string_view name, const std::string& before, const std::string& after) {
    out += fmt::format("  {:<52} {:>13} {:>10}\n", name, before, after);
  };
  line("log loss", fmt::format("{:.4f}", held.loss_before), fmt::format("{:.4f}", held.loss_after));
  line("calibration error (ECE, 15 bins)", fmt::format("{:.2f} %", 100 * held.ece_before),
       fmt::format("{:.2f} %", 100 * held.ece_after));
  if (rows.kind == AnswerKind::kLabelSets) {
    line("macro F1, from 0.5 to thresholds by label", fmt::format("{:.2f} %", 100 * held.macro_f1_before),
         fmt::format("{:.2f} %", 100 * held.macro_f1_after));
    out += "\n  label                     threshold\n";
    for (std::size_t label = 0; label < rows.labels.size(); ++label) {
      const std::string name = data::shown(rows.labels[label], kLabelColumns);
      const std::size_t width = data::display_width(name);
      out += fmt::format("  {}{}  {:.4f}\n", name, std::string(kLabelColumns > width ? kLabelColumns - width : 0, ' '),
                         calibration.label_thresholds[label]);
    }
    return out;
  }
  if (const auto& rule = calibration.abstention) {
    out += fmt::format(
        "\n  abstention: a score below {:.4f} is `uncertain`, for an error of at most {:.4g} % with {:.4g} % "
        "confidence\n"
        "    fitted on:         {} of {} rows answered ({:.1f} %), {} of them wrong ({:.2f} %, bound {:.2f} %)\n",
        rule->threshold, 100 * rule->target_error, 100 * rule->confidence, with_thousands(rule->answered),
        with_thousands(rule->rows), percent_of(rule->answered, rule->rows), with_thousands(rule->errors),
        percent_of(rule->errors, rule->answered), 100 * rule->error_bound);
    out += held.rows_abstention == 0
               ? std::string("    half of the rows are too few to measure it on the other half\n")
               : fmt::format("    not used to fit:   {} of {} rows answered ({:.1f} %), {} of them wrong ({:.2f} %)\n",
                             with_thousands(held.answered), with_thousands(held.rows_abstention),
                             percent_of(held.answered, held.rows_abstention), with_thousands(held.errors),
                             percent_of(held.errors, held.answered));
  }
  return out;
}

std::string json_of(const FittedCalibration& fitted, const EvalRows& rows, const std::string& data) {
  const HeldOutFigures& held = fitted.held_out;
  const auto count = [](std::uint64_t value) { return static_cast<std::int64_t>(value); };
  std::vector<std::string> labels;
  for (const std::string& label : rows.labels) labels.push_back(data::repaired_utf8(label));
  JsonText json;
  json.begin_object();
  append_calibration(json, fitted.calibration, labels);
  json.key("evidence").begin_object();
  json.key("data").string(data::repaired_utf8(data)).key("rows").integer(count(rows.size()));
  json.key("created").string(utc_time(std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())));
  json.key("valence_version").string(VALENCE_VERSION);
  json.key("held_out").begin_object();
  json.key("rows").integer(count(held.rows));
  json.key("log_loss_before").number(held.loss_before).key("log_loss_after").number(held.loss_after);
  json.key("ece_before").number(held.ece_before).key("ece_after").number(held.ece_after);
  if (rows.kind == AnswerKind::kLabelSets) {
    json.key("macro_f1_before").number(held.macro_f1_before).key("macro_f1_after").number(held.macro_f1_after);
  }
  if (held.rows_abstention > 0) {
    json.key("abstention").begin_object().key("rows").integer(count(held.rows_abstention));
    json.key("answered").integer(count(held.answered)).key("errors").integer(count(held.errors)).end_object();
  }
  return json.end_object().end_object().end_object().text() + "\n";
}

Status write_calibration(const fs::path& directory, const std::string& text) {
  VALENCE_TRY(const auto output, data::OutputFile::open((directory / kCalibrationFile).string(), {}));
  output->sink().buffer() += text;
  VALENCE_TRY_STATUS(output->sink().end_record());
  return output->commit();
}

std::vector<std::string> cautions_of(const FittedCalibration& fitted, const EvalRows& rows,
                                     const CalibrationRequest& request) {
  std::vector<std::string> cautions;
  if (rows.size() < kFewRows) {
    cautions.push_back(fmt::format("{} rows say little about scores: give some hundreds", rows.size()));
  }
  if (fitted.at_limit) {
    cautions.emplace_back(
        "the temperature has no minimum on these rows: all answers are right, or scores say nothing; was the model "
        "trained on them?");
  }
  if (rows.kind == AnswerKind::kOneLabel && !fitted.calibration.abstention) {
    cautions.push_back(
        fmt::format("no threshold keeps the error at {:.4g} % with {:.4g} % confidence: --abstain will be "
                    "refused; more rows or a higher --target-error help",
                    100 * request.target_error, 100 * request.confidence));
  }
  return cautions;
}

Result<ExitCode> run(const CalibrateArguments& arguments, const GlobalOptions& global, SignalWatcher& signals) {
  VALENCE_TRY(LabelledDataOptions options, interpret(arguments.labelled));
  VALENCE_TRY(const CalibrationRequest request, request_of(arguments));
  VALENCE_TRY(const fs::path directory, calibrated_directory(arguments));
  options.request.reader.stop = &signals.stop();
  options.classifier.use_calibration = false;
  VALENCE_TRY(const auto classifier, load_classifier(arguments.model, options.classifier));
  if (!global.quiet) {
    for (const std::string& warning : classifier->warnings()) print_warning(warning);
  }
  VALENCE_TRY(const AnswerKind kind, answer_kind(*classifier));
  if (kind == AnswerKind::kNumbers) {
    return fail(ErrorCode::kUnsupported, arguments.model, "gives numbers, not scores: there is nothing to calibrate");
  }
  if (kind == AnswerKind::kLabelSets && !arguments.target_error.empty()) {
    return fail(ErrorCode::kInvalidArgument, "--target-error", "is for models that give one label a text",
                "leave it out: label sets get a threshold for each label");
  }
  VALENCE_TRY(EvalRows rows, read_eval_rows(arguments.data, options.request, classifier->labels(), kind));
  VALENCE_TRY(Answers answers, answer_with_progress(*classifier, rows, global, signals.stop()));
  Answers* const only = &answers;
  drop_unanswered(rows, std::span(&only, 1));
  if (!global.quiet) print_failed_rows(rows.failed);
  if (rows.size() < 2) {
    return fail(rows.failed.empty() ? Error(ErrorCode::kInvalidData, arguments.data.front(),
                                            "has one row, from which nothing can be fitted")
                                    : rows.failed.front().in("fewer than two rows can be used; the first that cannot"));
  }
  const FittedCalibration fitted = fit_calibration(rows, answers, request);
  if (!arguments.target_error.empty() && !fitted.calibration.abstention) {
    return fail(ErrorCode::kInvalidData, "--target-error",
                fmt::format("no threshold keeps the error at {:.4g} % with {:.4g} % confidence on {} rows: nothing is "
                            "written",
                            100 * request.target_error, 100 * request.confidence, rows.size()),
                "give more rows, or a higher --target-error or lower --confidence");
  }
  const std::string data = fmt::format("{}", fmt::join(arguments.data, ", "));
  const std::string json = json_of(fitted, rows, names_of(arguments.data));
  const ExitCode printed =
      print_to_stdout(arguments.json ? json : table_of(fitted, rows, name_of_model(arguments.model), data));
  if (printed != ExitCode::kOk) return printed;
  if (!global.quiet) {
    for (const std::string& caution : cautions_of(fitted, rows, request)) print_warning(caution);
  }
  if (!arguments.dry_run) {
    VALENCE_TRY_STATUS(write_calibration(directory, json));
    if (!global.quiet) print_note(fmt::format("{}: written", (directory / kCalibrationFile).string()));
  }
  return rows.failed.empty() ? ExitCode::kOk : ExitCode::kSomeRowsFailed;
}

ExitCode calibrate(const CalibrateArguments& arguments, const GlobalOptions& global) {
  SignalWatcher signals;
  const auto code = run(arguments, global, signals);
  if (code) return *code;
  return signals.signalled() ? signals.exit_code() : failed(code.error());
}

}  // namespace

Command add_calibrate(CLI::App& models) {
  CLI::App* app =
      models.add_subcommand("calibrate", "Fit a temperature and thresholds on held-out rows, kept with the model");
  app->footer(kExamples);
  const auto arguments = std::make_shared<CalibrateArguments>();
  app->add_option("model", arguments->model, "A model directory, or org/name in the cache")
      ->type_name("MODEL")
      ->required();
  app->add_option("--data", arguments->data, "Labelled rows that the model was not trained on")
      ->delimiter(',')
      ->type_name("FILE,...")
      ->required()
      ->allow_extra_args(false);
  declare_labelled_data_options(*app, arguments->labelled);
  app->add_option("--target-error", arguments->target_error, "Error among answers that --abstain is to keep [0.05]")
      ->type_name("X");
  app->add_option("--confidence", arguments->confidence, "That the target is kept, one-sided [0.9]")->type_name("X");
  app->add_option("--seed", arguments->seed, "Of the halves that it is measured on [0]")->type_name("N");
  app->add_flag("--json", arguments->json, "What is written, also on standard output");
  app->add_flag("--dry-run", arguments->dry_run, "Fit and report, write nothing");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return calibrate(*arguments, global); }};
}

}  // namespace valence::cli
