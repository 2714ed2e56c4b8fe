/// \file
/// Destructive commands ask the person at the terminal, and need --yes where there is none.
#pragma once

#include <optional>
#include <string>

#include "valence/cli/exit_code.h"

namespace valence::cli {

/// Shows `plan` and asks `question` ("Remove it?"). Nothing when the answer is yes or `yes` was given; otherwise the
/// exit code to end with, the reason told: `what` is not done without being sure.
[[nodiscard]] std::optional<ExitCode> refused(bool yes, const std::string& what, const std::string& plan,
                                              const std::string& question);

}  // namespace valence::cli
