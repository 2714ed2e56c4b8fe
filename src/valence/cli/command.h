/// \file
/// What main() needs of a command: one file a command, one line in main.cpp.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/cli/exit_code.h"
#include "valence/cli/terminal.h"

namespace CLI {
class App;
}

namespace valence::cli {

/// Options that every command takes.
struct GlobalOptions {
  bool quiet = false;
  ColorMode color = ColorMode::kAuto;
  std::string config;  ///< --config; empty where it was not given
};

/// Adds the command to `app`; the function returned runs it after parsing, if it was chosen.
struct Command {
  CLI::App* app = nullptr;
  std::function<ExitCode(const GlobalOptions&)> run;
  /// Whether the options as they are make sense, without doing anything; the error names the option. May be absent.
  std::function<Status()> check = {};
  std::vector<Command> subcommands = {};
};

/// What of an interpretation is left when only its success matters.
template <class T>
Status outcome_of(const Result<T>& result) {
  if (!result) return fail(result.error());
  return {};
}

/// A command that is nothing but its subcommands, one of which must be given.
Command command_group(CLI::App* app, std::vector<Command> subcommands);

Command add_classify(CLI::App& app);
Command add_tokenize(CLI::App& app);
Command add_models(CLI::App& app);
/// Subcommands of `models`.
Command add_models_list(CLI::App& models);
Command add_models_info(CLI::App& models);
Command add_models_card(CLI::App& models);
Command add_models_pull(CLI::App& models);
Command add_models_verify(CLI::App& models);
Command add_models_rm(CLI::App& models);
Command add_quantize(CLI::App& models);
Command add_calibrate(CLI::App& models);
Command add_convert(CLI::App& models);
Command add_bench(CLI::App& app);
Command add_data(CLI::App& app);
/// Subcommands of `data`.
Command add_data_stats(CLI::App& data);
Command add_data_clean(CLI::App& data);
Command add_data_split(CLI::App& data);
Command add_data_balance(CLI::App& data);
Command add_data_label(CLI::App& data);
Command add_data_convert(CLI::App& data);
Command add_alerts(CLI::App& app);
/// Subcommands of `alerts`.
Command add_alerts_check(CLI::App& alerts);
Command add_alerts_test(CLI::App& alerts);
Command add_alerts_status(CLI::App& alerts);
Command add_alerts_silence(CLI::App& alerts);
Command add_completion(CLI::App& app);
Command add_config(CLI::App& app);
/// Subcommands of `config`.
Command add_config_check(CLI::App& config);
Command add_config_init(CLI::App& config);
Command add_config_show(CLI::App& config);
Command add_doctor(CLI::App& app);
Command add_man(CLI::App& app);
Command add_serve(CLI::App& app);
Command add_train(CLI::App& app);
Command add_eval(CLI::App& app);
Command add_feedback(CLI::App& app);
Command add_history(CLI::App& app);
/// Subcommands of `history`.
Command add_history_query(CLI::App& history);
Command add_history_export(CLI::App& history);
Command add_history_delete(CLI::App& history);
Command add_history_stats(CLI::App& history);

}  // namespace valence::cli
