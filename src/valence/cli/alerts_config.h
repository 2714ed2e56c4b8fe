/// \file
/// The table [alerts] of the configuration: rules, receivers, timing.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "valence/alert/alerter.h"
#include "valence/cli/config_file.h"

namespace valence::cli {

/// What the first of `files` with a table [alerts] says; without one there are no rules and no receivers. Secrets are
/// read from the files and variables that it names. `state_file` is that of the user where none is given. Errors name
/// the file and line, and what was probably meant.
Result<alert::AlertSettings> read_alert_settings(const std::vector<std::filesystem::path>& files);

/// The same of one table; null: none.
Result<alert::AlertSettings> read_alert_settings(const ConfigValue* table);

/// [alerts] for a new configuration file: defaults and examples, commented out.
[[nodiscard]] std::string alerts_sample();

/// ($XDG_STATE_HOME or ~/.local/state)/valence/alerts.journal.
Result<std::filesystem::path> default_alert_state_file();

}  // namespace valence::cli
