/// \file
/// The whole command line: its commands and their options, built anew as often as somebody wants to look at it.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "valence/cli/command.h"

namespace valence::cli {

/// Members refer to each other: it stays where it was made.
struct Program {
  std::unique_ptr<CLI::App> app;
  GlobalOptions global;
  std::string color = "auto";  ///< --color, unchecked
  std::vector<Command> commands;

  Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program();

  /// The tables that a configuration file may have: those of the commands with options, and [alerts].
  [[nodiscard]] std::vector<std::string> config_tables() const;
};

/// "valence models quantize": as one types it.
[[nodiscard]] std::string full_name(const CLI::App& command);

/// The command of `commands` or below whose options `app` holds; null where there is none.
[[nodiscard]] const Command* command_of(const std::vector<Command>& commands, const CLI::App& app);

}  // namespace valence::cli
