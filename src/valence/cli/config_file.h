/// \file
/// Configuration files: where they are looked for, and what stands in them, with its place.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/base/error.h"

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

struct ConfigMember;

/// A value of a configuration file.
struct ConfigValue {
  enum class Kind { kText, kInteger, kNumber, kBoolean, kList, kTable, kOther };
  Kind kind = Kind::kOther;
  std::string text;                   ///< of kText
  std::int64_t integer = 0;           ///< of kInteger
  double number = 0;                  ///< of kInteger and kNumber
  bool boolean = false;               ///< of kBoolean
  std::vector<ConfigValue> items;     ///< of kList
  std::vector<ConfigMember> members;  ///< of kTable, in alphabetical order
  std::string place;                  ///< "config.toml:12:8"
  std::string key_place;              ///< of a member: where its key stands

  [[nodiscard]] const ConfigValue* find(std::string_view key) const;
};

/// A struct of its own: a std::pair would have to know ConfigValue whole while ConfigValue is being defined.
struct ConfigMember {
  std::string key;
  ConfigValue value;
};

/// The whole file as one table. Errors: it cannot be read, it is over 1 MB, it is no TOML (with line and column).
Result<ConfigValue> read_config(const std::filesystem::path& file);
/// The same of its text; places begin with `file`.
Result<ConfigValue> parse_config(std::string_view text, const std::filesystem::path& file);

/// The table [name] of the first of `files` that has one; nothing where none has. Errors: a file that is no TOML,
/// something else than a table.
Result<std::optional<ConfigValue>> config_table(const std::vector<std::filesystem::path>& files, std::string_view name);

/// The error about a key of `table` that none of `known` is, or nothing.
[[nodiscard]] std::optional<Error> unknown_key(const ConfigValue& table, const std::vector<std::string>& known);

}  // namespace valence::cli
