/// \file
/// Sizes in words.
#pragma once

#include <cstdint>
#include <string>

namespace valence::cli {

/// "12.3 MB", of 1e6 bytes: files and memory.
[[nodiscard]] std::string megabytes(std::uint64_t bytes);

/// "2 MiB" or "48 KiB", as caches are given.
[[nodiscard]] std::string binary_size(std::uint64_t bytes);

}  // namespace valence::cli
