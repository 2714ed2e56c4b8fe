/// \file
/// Sizes and times in words.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

namespace valence::cli {

/// "12.3 MB", of 1e6 bytes: files and memory.
[[nodiscard]] std::string megabytes(std::uint64_t bytes);

/// "2 MiB" or "48 KiB", as caches are given.
[[nodiscard]] std::string binary_size(std::uint64_t bytes);

/// "2026-01-31T23:59:59Z" (RFC 3339).
[[nodiscard]] std::string utc_time(std::time_t time);

}  // namespace valence::cli
