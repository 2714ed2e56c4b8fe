#include "valence/cli/quantities.h"

#include <fmt/format.h>

#include "valence/base/time_text.h"

namespace valence::cli {

std::string megabytes(std::uint64_t bytes) { return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6); }

std::string file_size(std::uint64_t bytes) {
  if (bytes >= 1'000'000) return megabytes(bytes);
  return bytes >= 1000 ? fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3) : fmt::format("{} B", bytes);
}

std::string binary_size(std::uint64_t bytes) {
  return bytes >= 1U << 20U ? fmt::format("{} MiB", bytes >> 20U) : fmt::format("{} KiB", bytes >> 10U);
}

std::string utc_time(std::time_t time) { return utc_text(std::int64_t{time} * 1000); }

}  // namespace valence::cli
