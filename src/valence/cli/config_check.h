/// \file
/// Mistakes of configuration files.
#pragma once

#include <filesystem>
#include <vector>

#include "valence/base/error.h"

namespace valence::cli {

/// Every mistake of the file, in its order: names, kinds, and what commands make of the values.
[[nodiscard]] std::vector<Error> config_mistakes(const std::filesystem::path& file);

}  // namespace valence::cli
