/// \file
/// `valence train`: from labelled rows to a model that transformers and valence load.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <filesystem>
#include <memory>
#include <system_error>

#include "valence/cli/command.h"
#include "valence/cli/progress.h"
#include "valence/cli/quantities.h"
#include "valence/cli/signals.h"
#include "valence/cli/terminal.h"
#include "valence/cli/train_data.h"
#include "valence/cli/train_options.h"
#include "valence/cli/train_run.h"

namespace valence::cli {
namespace {

constexpr const char* kExamples = R"(
Examples:
  valence train feedback.csv -m default --output-dir ./my-model
  valence train train.csv --eval-data dev.csv -m org/base --num-train-epochs 3 --learning-rate 5e-5 --output-dir ./out
  valence train train.jsonl -m ./base --method lora --r 8 --lora-alpha 16 --lora-dropout 0.1 --output-dir ./adapter
  valence train train.csv --config train.toml --output-dir ./out --resume)";

constexpr std::size_t kShownRowErrors = 5;

void tell_failed(const std::vector<Error>& errors) {
  for (std::size_t i = 0; i < std::min(errors.size(), kShownRowErrors); ++i) print_warning(errors[i].to_string());
  if (errors.size() > kShownRowErrors) {
    print_note(fmt::format("and {} more rows that are left out", with_thousands(errors.size() - kShownRowErrors)));
  }
}

ExitCode train_model(const TrainArguments& arguments, const GlobalOptions& global) {
  const auto failed = [](const Error& error) {
    print_error(error);
    return exit_code_for(error.code());
  };
  auto options = interpret(arguments);
  if (!options) return failed(options.error());
  SignalWatcher signals;
  options->reader.stop = &signals.stop();
  auto run = TrainRun::prepare(arguments, *options);
  if (!run) return signals.signalled() ? signals.exit_code() : failed(run.error());
  TrainRun& prepared = **run;
  if (!global.quiet) {
    tell_failed(prepared.failed_rows());
    for (const std::string& note : prepared.notes()) print_note(note);
  }
  if (arguments.dry_run) return print_to_stdout(prepared.summary(arguments.json));

  Progress progress(progress_style(global));
  const auto say = [&](const std::string& line) {
    progress.clear();
    if (!global.quiet) print_note(line);
  };
  const Status done = prepared.run(
      signals.stop(), [&](const LearningState& state) { progress.update(state); }, say);
  progress.clear();
  if (!done) {
    if (signals.signalled()) {
      print_note(prepared.how_to_go_on());
      return signals.exit_code();
    }
    return failed(done.error());
  }
  const ExitCode printed = print_to_stdout(prepared.summary(arguments.json));
  if (printed != ExitCode::kOk) return printed;
  return prepared.failed_rows().empty() ? ExitCode::kOk : ExitCode::kSomeRowsFailed;
}

}  // namespace

Command add_train(CLI::App& app) {
  CLI::App* command = app.add_subcommand("train", "Fine-tune a model on labelled rows: all of it, LoRA, or its head");
  command->footer(kExamples);
  const auto arguments = std::make_shared<TrainArguments>();
  declare_train_options(*command, *arguments);
  return {.app = command,
          .run = [arguments](const GlobalOptions& global) { return train_model(*arguments, global); },
          .check = [arguments] { return outcome_of(interpret(*arguments)); }};
}

}  // namespace valence::cli
