#include "valence/cli/command.h"

#include <CLI/CLI.hpp>

namespace valence::cli {

Command command_group(CLI::App* app, std::vector<Command> subcommands) {
  app->require_subcommand(1);
  auto run = [subcommands](const GlobalOptions& global) {
    for (const Command& subcommand : subcommands) {
      if (subcommand.app->parsed()) return subcommand.run(global);
    }
    return ExitCode::kUsage;  // unreachable: the parser requires one
  };
  return {.app = app, .run = std::move(run), .subcommands = std::move(subcommands)};
}

}  // namespace valence::cli
