/// \file
/// Whole-file writes that leave nothing half. Errors (kIo) name the path and the system's reason.
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string_view>

#include "valence/base/error.h"

namespace valence {

using FilePieces = std::span<const std::span<const std::byte>>;

/// A file that is not there yet, of these bytes, one piece after the other; on the disk when it returns.
Status write_new_file(const std::filesystem::path& path, FilePieces pieces);

/// The same under a name that may be there: `path.partial` first, renamed when it is whole. Whoever reads `path` at any
/// moment, a crash included, finds all of the old file or all of the new one.
Status write_file_atomically(const std::filesystem::path& path, FilePieces pieces);
Status write_file_atomically(const std::filesystem::path& path, std::string_view text);

}  // namespace valence
