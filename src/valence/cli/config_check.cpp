#include "valence/cli/config_check.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "valence/cli/alerts_config.h"
#include "valence/cli/command.h"
#include "valence/cli/program.h"
#include "valence/cli/settings.h"
#include "valence/cli/terminal.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

/// A table judged by a command line of its own, made for it: options keep what they were once given.
Status judge(const std::string& section, const ConfigValue& table) {
  if (section == "alerts") return outcome_of(read_alert_settings(&table));
  Program program;
  for (const OptionSection& each : option_sections(*program.app)) {
    if (each.name != section) continue;
    VALENCE_TRY_STATUS(apply_table(*each.app, table));
    const Command* const command = command_of(program.commands, *each.app);
    return command != nullptr && command->check ? command->check() : Status();
  }
  return {};
}

ExitCode check(const std::vector<std::string>& given, const GlobalOptions& global) {
  std::vector<fs::path> files(given.begin(), given.end());
  if (files.empty()) {
    const auto usual = config_files(global.config);
    if (!usual) {
      print_error(usual.error());
      return exit_code_for(usual.error().code());
    }
    files = *usual;
    if (files.empty() && !global.quiet) {
      const UsualConfigFiles places = usual_config_files();
      print_note(fmt::format("there is no configuration file ({}, {})", places.user.string(), places.system.string()));
    }
  }
  bool all_right = true;
  for (const fs::path& file : files) {
    const std::vector<Error> wrong = config_mistakes(file);
    for (const Error& error : wrong) print_error(error);
    all_right = all_right && wrong.empty();
    if (wrong.empty() && print_to_stdout(fmt::format("{}: all right\n", file.string())) != ExitCode::kOk)
      return ExitCode::kIo;
  }
  return all_right ? ExitCode::kOk : ExitCode::kUsage;
}

}  // namespace

std::vector<Error> config_mistakes(const fs::path& file) {
  const Program program;
  return wrong_settings(file, option_sections(*program.app), program.config_tables(), judge);
}

Command add_config_check(CLI::App& config) {
  CLI::App* app = config.add_subcommand("check", "Every mistake of a configuration file, with its line and column");
  app->footer("Examples:\n  valence config check\n  valence config check deploy/config.toml");
  const auto files = std::make_shared<std::vector<std::string>>();
  app->add_option("files", *files, "Files to check [those in effect]")->type_name("FILE");
  return {.app = app, .run = [files](const GlobalOptions& global) { return check(*files, global); }};
}

}  // namespace valence::cli
