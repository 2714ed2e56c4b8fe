/// \file
/// Options from the environment and configuration files, for what the command line left open.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"

namespace CLI {
class App;
}

namespace valence::cli {

/// Where the user's and the system's settings are looked for, whether they are there or not; the first is empty when
/// there is no home directory.
struct UsualConfigFiles {
  std::filesystem::path user;
  std::filesystem::path system;
};
[[nodiscard]] UsualConfigFiles usual_config_files();

/// The configuration files that are there, strongest first: `explicit_file` (--config; it must exist), the user's
/// ($XDG_CONFIG_HOME or ~/.config)/valence/config.toml, the system's /etc/valence/config.toml.
Result<std::vector<std::filesystem::path>> config_files(const std::string& explicit_file);

/// Gives every option of `command` that the command line did not mention its value from VALENCE_<COMMAND>_<OPTION>, or
/// else from the first of `files` whose table [<command>] has it. Keys are long option names, with '_' or '-'. An
/// unknown key or variable, a table that is no command, or a value that the option refuses is an error with its place.
/// What a single run is about (its texts or data, its output, --resume) cannot be set this way.
/// `command_names` are the tables that may occur.
Status apply_settings(CLI::App& command, const std::vector<std::filesystem::path>& files,
                      const std::vector<std::string>& command_names);

/// The member of `words` that `word` most likely meant; empty when none is near. By edit distance.
[[nodiscard]] std::string nearest_word(std::string_view word, const std::vector<std::string>& words);

}  // namespace valence::cli
