/// \file
/// `valence config`: the settings of all commands, from which file, variable or default each comes.
#include <CLI/CLI.hpp>

#include "valence/cli/command.h"

namespace valence::cli {

Command add_config(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("config", "Settings: show them and where they come from, check, write a file");
  app->footer(
      "Examples:\n  valence config init                # ~/.config/valence/config.toml, every key with its default\n"
      "  valence config show serve --origin\n  valence config check /etc/valence/config.toml");
  return command_group(app, {add_config_show(*app), add_config_check(*app), add_config_init(*app)});
}

}  // namespace valence::cli
