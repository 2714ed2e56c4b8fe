/// \file
/// Whether a file still fits on the disk.
#pragma once

#include <cstdint>
#include <filesystem>

#include "valence/base/error.h"

namespace valence::hub {

/// kIo when the file system of `directory`, or of the nearest directory above it that exists, has fewer free bytes.
/// One that does not say is believed to have them.
Status check_free_space(const std::filesystem::path& directory, std::uint64_t needed_bytes);

}  // namespace valence::hub
