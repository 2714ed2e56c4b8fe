#include "valence/hub/free_space.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

namespace valence::hub {

Status check_free_space(const std::filesystem::path& directory, std::uint64_t needed_bytes) {
  std::filesystem::path place = std::filesystem::absolute(directory);
  struct statvfs info {};
  while (::statvfs(place.c_str(), &info) != 0) {
    if (!place.has_relative_path()) return {};
    place = place.parent_path();
  }
  const std::uint64_t free_bytes = static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
  if (free_bytes >= needed_bytes) return {};
  return fail(ErrorCode::kIo, place.string(),
              fmt::format("has {:.1f} MB free, {:.1f} MB are needed", static_cast<double>(free_bytes) / 1e6,
                          static_cast<double>(needed_bytes) / 1e6),
              "make room, or choose another disk with HF_HUB_CACHE");
}

}  // namespace valence::hub
