/// \file
/// Options from the environment and configuration files, for what the command line left open.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/cli/config_file.h"
#include "valence/cli/option_table.h"

namespace CLI {
class App;
}

namespace valence::cli {

/// What an option is when the command line does not mention it, and who says so.
struct EffectiveSetting {
  OptionEntry entry;
  std::vector<std::string> words;  ///< empty: it is not set
  std::string origin;              ///< "built-in", "environment VALENCE_SERVE_PORT", "/etc/valence/config.toml:12:8"
  bool is_given = false;           ///< by the environment or a file
};

/// The settings of `command`, each from VALENCE_<SECTION>_<KEY>, or else from the first of `files` whose table
/// [<section>] has it, or else the built-in one. Keys are long option names, with '_' or '-'. An unknown key or
/// variable of the command, or a table that is none of `tables`, is an error with its place.
Result<std::vector<EffectiveSetting>> effective_settings(CLI::App& command,
                                                         const std::vector<std::filesystem::path>& files,
                                                         const std::vector<std::string>& tables);

/// Gives every option of `command` that the command line did not mention its effective setting. A value that the option
/// refuses is an error with its place.
Status apply_settings(CLI::App& command, const std::vector<std::filesystem::path>& files,
                      const std::vector<std::string>& tables);

/// Every mistake of one file, in its order: broken TOML, tables that are none of `tables`, keys that no option has,
/// values that no option takes. `judge` gives the values of one table to the command that they are for and returns what
/// it refuses: an error whose place is the option ("--port") or the value.
using JudgeSection = std::function<Status(const std::string& section, const ConfigValue& table)>;
std::vector<Error> wrong_settings(const std::filesystem::path& file, const std::vector<OptionSection>& sections,
                                  const std::vector<std::string>& tables, const JudgeSection& judge);

/// Gives the options of `command` the values of one table; what it refuses has the option as place.
Status apply_table(CLI::App& command, const ConfigValue& table);

}  // namespace valence::cli
