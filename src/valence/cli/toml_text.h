/// \file
/// Settings written as TOML.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "valence/cli/config_file.h"
#include "valence/cli/option_table.h"

namespace valence::cli {

/// A basic string: "a \"b\"\n".
[[nodiscard]] std::string toml_string(std::string_view text);

/// The words of an option as the value that gives them back: true, 8080, "auto", ["a", "b"].
[[nodiscard]] std::string toml_value(OptionKind kind, const std::vector<std::string>& words);

/// Any value on one line, tables as inline ones. Members whose name is in `secrets` are written as "***".
[[nodiscard]] std::string toml_value(const ConfigValue& value, const std::vector<std::string>& secrets);

/// The same for a key.
[[nodiscard]] std::string toml_key(std::string_view key);

/// `word` with the password of an address in it, `postgresql://user:...@host` or `password=...`, as ***.
[[nodiscard]] std::string without_password(std::string word);

}  // namespace valence::cli
