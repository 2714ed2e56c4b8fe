/// \file
/// `valence classify`: composes source, classifier and output, and tells the user how it went.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "valence/cli/classify_history.h"
#include "valence/cli/classify_options.h"
#include "valence/cli/command.h"
#include "valence/cli/model_ref.h"
#include "valence/cli/option_values.h"
#include "valence/cli/progress.h"
#include "valence/cli/signals.h"
#include "valence/cli/terminal.h"
#include "valence/data/output_file.h"

namespace valence::cli {
namespace {

// Row errors told one by one on stderr before only their number is told.
constexpr std::uint64_t kShownRowErrors = 5;

constexpr const char* kExamples = R"(
Examples:
  valence classify -t "The product is great but shipping was terrible"
  valence classify reviews.csv -o labelled.csv
  valence classify tickets.jsonl --text-column body --top-k all
  tail -f feedback.txt | valence classify - -f jsonl
  valence classify reviews.csv -m ./my-model --labels negative,positive -f csv
  valence classify tickets.csv -m ./nli-model --zero-shot "refund, bug, praise"
  valence classify reviews.csv -o labelled.csv --history    # then: valence history report
  valence classify pairs.csv -m ./nli-model --text-pair-column hypothesis)";

ExitCode failed(const Error& error) {
  print_error(error);
  return exit_code_for(error.code());
}

Result<std::unique_ptr<pipeline::Source>> open_source(const ClassifyArguments& arguments,
                                                      const ClassifyOptions& options) {
  if (!arguments.texts.empty()) return pipeline::source_of_texts(arguments.texts, arguments.text_pairs);
  const bool fixed_columns = options.format == data::OutputFormat::kCsv || options.format == data::OutputFormat::kTsv;
  return pipeline::open_files(arguments.inputs, options.reader, fixed_columns);
}

/// An early end: by the error, or by the signal that caused it.
ExitCode stopped_or_failed(const SignalWatcher& signals, const Error& error) {
  return signals.signalled() ? signals.exit_code() : failed(error);
}

/// What --resume compares; nothing when an input cannot be read again (pipes, literal texts). All inputs are looked at
/// here, so that a missing last one is known before hours are spent on the first.
Result<std::optional<data::RunIdentity>> run_identity(const ClassifyArguments& arguments,
                                                      const ClassifyOptions& options) {
  data::RunIdentity run;
  bool can_be_read_again = !arguments.inputs.empty();
  for (const std::string& path : arguments.inputs) {
    auto input = data::identify_input(path);
    if (input) {
      run.inputs.push_back(std::move(*input));
    } else if (arguments.resume || input.error().code() != ErrorCode::kInvalidArgument) {
      return fail(input.error());
    } else {
      can_be_read_again = false;
    }
  }
  if (!can_be_read_again) return std::nullopt;
  run.settings = settings_of(arguments, options);
  VALENCE_TRY(std::string fingerprint, model_fingerprint(arguments.model));
  run.settings.emplace_back("the model's files", std::move(fingerprint));
  if (!arguments.adapter.empty()) {
    VALENCE_TRY(std::string adapter, files_fingerprint(arguments.adapter));
    run.settings.emplace_back("the adapter's files", std::move(adapter));
  }
  return run;
}

/// "12,345 rows in 3.2 s (3,858 rows/s), 2 failed: negative 40.1 %, neutral 12.0 %, positive 47.9 %"
std::string summary_line(const pipeline::RunSummary& summary, const std::vector<std::string>& labels,
                         std::chrono::duration<double> elapsed) {
  std::string line = fmt::format("{} rows in {:.1f} s", with_thousands(summary.rows), elapsed.count());
  if (elapsed.count() > 0.5) {
    const double rate = static_cast<double>(summary.rows) / elapsed.count();
    line += fmt::format(" ({} rows/s)", with_thousands(static_cast<std::uint64_t>(rate)));
  }
  if (summary.failed > 0) line += fmt::format(", {} failed", with_thousands(summary.failed));
  if (summary.truncated > 0) line += fmt::format(", {} truncated", with_thousands(summary.truncated));
  const std::uint64_t classified = summary.rows - summary.failed;
  if (classified == 0) return line;
  std::string separator = ": ";
  const auto share = [&](std::string_view label, std::uint64_t count) {
    if (count == 0) return;
    const double percent = 100.0 * static_cast<double>(count) / static_cast<double>(classified);
    line += fmt::format("{}{} {:.1f} %", std::exchange(separator, ", "), label, percent);
  };
  for (std::size_t id = 0; id < labels.size(); ++id) share(labels[id], summary.by_label[id]);
  share(pipeline::kUncertainLabel, summary.uncertain);
  return line;
}

Progress::Style progress_style(const ClassifyArguments& arguments, const GlobalOptions& global) {
  const Progress::Style style = progress_style(global);
  // Rows scrolling by on the same terminal are progress enough, and a line redrawn among them is noise.
  const bool rows_on_terminal = arguments.output == "-" && is_terminal(STDOUT_FILENO);
  return style == Progress::Style::kTerminal && rows_on_terminal ? Progress::Style::kQuiet : style;
}

/// After the run: how it went, in a line or two, and the exit code.
ExitCode report(const Status& outcome, const pipeline::RunSummary& summary, data::OutputFile& output,
                const SignalWatcher& signals) {
  if (!outcome && output.sink().reader_gone()) return ExitCode::kOk;
  if (outcome && !summary.stopped) {
    if (const Status committed = output.commit(); !committed) return failed(committed.error());
    return summary.failed > 0 ? ExitCode::kSomeRowsFailed : ExitCode::kOk;
  }
  if (!outcome) print_error(outcome.error());
  if (const auto& partial = output.partial_path(); partial && output.resumable()) {
    print_note(fmt::format("{}: {} holds the results of {} rows; the same command with --resume goes on from there",
                           outcome ? "interrupted" : "stopped", partial->string(),
                           with_thousands(output.noted_records())));
  } else if (partial) {
    print_note(fmt::format("{}: what was finished is in {}", outcome ? "interrupted" : "stopped", partial->string()));
  } else if (outcome) {
    print_note("interrupted");
  }
  return outcome ? signals.exit_code() : exit_code_for(outcome.error().code());
}

/// --abstain: from what the model's calibration.json says.
Status use_abstention(const Classifier& classifier, const std::string& model, pipeline::RunOptions& run) {
  const auto& calibration = classifier.calibration();
  if (calibration && !calibration->label_thresholds.empty()) {
    run.label_thresholds = calibration->label_thresholds;
    return {};
  }
  if (calibration && calibration->abstention) {
    run.threshold = static_cast<float>(calibration->abstention->threshold);
    return {};
  }
  return fail(ErrorCode::kInvalidArgument, "--abstain",
              fmt::format("{} was not calibrated for it", model == "default" ? "the built-in model" : model),
              model == "default"
                  ? "use --threshold X"
                  : fmt::format("run `valence models calibrate {} --data F` first, or use --threshold X", model));
}

ExitCode classify(const ClassifyArguments& given, const GlobalOptions& global, const CLI::App& app) {
  ClassifyArguments arguments = given;
  if (arguments.inputs.empty() && arguments.texts.empty()) {
    if (is_terminal(STDIN_FILENO)) {
      std::fputs(app.help().c_str(), stderr);
      return ExitCode::kUsage;
    }
    arguments.inputs = {"-"};
  }
  const bool to_terminal = arguments.output == "-" && is_terminal(STDOUT_FILENO);
  auto options = interpret(arguments, to_terminal);
  if (!options) return failed(options.error());

  SignalWatcher signals;
  options->reader.stop = &signals.stop();
  const auto source = open_source(arguments, *options);
  if (!source) return stopped_or_failed(signals, source.error());
  if (const Status checked = check_output_is_no_input(arguments.inputs, arguments.output); !checked)
    return failed(checked.error());
  const auto run_id = run_identity(arguments, *options);
  if (!run_id) return failed(run_id.error());
  const auto classifier = load_classifier(arguments.model, options->classifier);
  if (!classifier) return failed(classifier.error());
  if (arguments.abstain) {
    const Status set = use_abstention(**classifier, arguments.model, options->run);
    if (!set) return failed(set.error());
  }
  if (!global.quiet) {
    for (const std::string& warning : (*classifier)->warnings()) print_warning(warning);
    if (!arguments.resume && arguments.output != "-" && data::has_partial(arguments.output)) {
      print_warning(fmt::format("starting over: an earlier {}.partial is replaced (--resume would go on from it)",
                                arguments.output));
    }
  }

  const auto output =
      data::OutputFile::open(arguments.output, {.run = *run_id, .resume = arguments.resume, .stop = &signals.stop()});
  if (!output) return stopped_or_failed(signals, output.error());
  const auto writer = data::make_writer(options->format,
                                        {.input_columns = (*source)->columns(),
                                         .has_scores = options->run.top_k != 1,
                                         .has_entities = (*classifier)->labels_tokens(),
                                         .labels = (*classifier)->labels()},
                                        (*output)->sink(),
                                        {.appending = (*output)->appending(),
                                         .to_terminal = to_terminal,
                                         .table_width = terminal_width(STDOUT_FILENO),
                                         .table_unicode = !is_dumb_terminal()});
  if (!writer) return failed(writer.error());
  if ((*output)->resumed_records() > 0) {
    const auto skipped = (*source)->skip((*output)->resumed_records());
    if (!skipped) return stopped_or_failed(signals, skipped.error());
  }
  const std::uint64_t bytes_skipped = (*source)->progress().bytes_read;

  std::unique_ptr<ClassifyHistory> history;
  if (arguments.history) {
    auto opened = ClassifyHistory::open(arguments, *options, **classifier);
    if (!opened) return failed(opened.error());
    history = *std::move(opened);
  }

  Progress progress(progress_style(arguments, global));
  std::uint64_t errors_seen = 0;
  pipeline::RunSummary summary;
  pipeline::RunEvents events{
      .on_window =
          [&progress, bytes_skipped](const pipeline::RunSummary& so_far, const pipeline::SourceProgress& read) {
            progress.update({.rows = so_far.rows,
                             .failed = so_far.failed,
                             .bytes_skipped = bytes_skipped,
                             .bytes_done = read.bytes_read,
                             .bytes_total = read.bytes_total});
          },
      .on_row_error =
          [&](const Error& error) {
            if (global.quiet || ++errors_seen > kShownRowErrors) return;
            progress.clear();
            print_warning(error.to_string());
          }};
  if (history) events.on_answers = [&history](const auto& rows) { return history->keep(rows); };
  const Status outcome =
      pipeline::run(**source, **classifier, **output, **writer, options->run, events, signals.stop(), summary);
  progress.clear();
  if (!global.quiet && errors_seen > kShownRowErrors) {
    print_note(fmt::format("and {} more rows with errors", with_thousands(errors_seen - kShownRowErrors)));
  }
  ExitCode code = report(outcome, summary, **output, signals);
  if (const std::uint64_t lost = (*writer)->rows_with_lost_fields(); lost > 0 && code == ExitCode::kOk) {
    print_warning(fmt::format("{} rows had fields that no column of the output holds: -f jsonl keeps them",
                              with_thousands(lost)));
    code = ExitCode::kSomeRowsFailed;
  }
  const bool finished = code == ExitCode::kOk || code == ExitCode::kSomeRowsFailed;
  if (finished && !global.quiet && arguments.output != "-") {
    print_note(
        fmt::format("{}: {}", arguments.output, summary_line(summary, (*classifier)->labels(), progress.elapsed())));
  }
  return code;
}

}  // namespace

Command add_classify(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("classify", "Label texts: files, standard input, literals");
  app->footer(kExamples);
  const auto arguments = std::make_shared<ClassifyArguments>();
  declare_classify_options(*app, *arguments);
  return {.app = app,
          .run = [arguments, app](const GlobalOptions& global) { return classify(*arguments, global, *app); },
          .check = [arguments] { return outcome_of(interpret(*arguments, false)); }};
}

}  // namespace valence::cli
