/// \file
/// Options from the environment and configuration files, for what the command line left open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
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

/// A value of a configuration file, for tables that are more than options of a command.
struct ConfigValue {
  enum class Kind { kText, kInteger, kNumber, kBoolean, kList, kTable, kOther };
  Kind kind = Kind::kOther;
  std::string text;                                          ///< of kText
  std::int64_t integer = 0;                                  ///< of kInteger
  double number = 0;                                         ///< of kInteger and kNumber
  bool boolean = false;                                      ///< of kBoolean
  std::vector<ConfigValue> items;                            ///< of kList
  std::vector<std::pair<std::string, ConfigValue>> members;  ///< of kTable, in alphabetical order
  std::string place;                                         ///< "config.toml:12"

  [[nodiscard]] const ConfigValue* find(std::string_view key) const;
};

/// The table [name] of the first of `files` that has one; nothing where none has. Errors: a file that is no TOML,
/// something else than a table.
Result<std::optional<ConfigValue>> config_table(const std::vector<std::filesystem::path>& files, std::string_view name);

/// The error about a key of `table` that none of `known` is, or nothing.
[[nodiscard]] std::optional<Error> unknown_key(const ConfigValue& table, const std::vector<std::string>& known);

/// The member of `words` that `word` most likely meant; empty when none is near. By edit distance.
[[nodiscard]] std::string nearest_word(std::string_view word, const std::vector<std::string>& words);

}  // namespace valence::cli
