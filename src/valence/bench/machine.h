/// \file
/// What the operating system says about this machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace valence::bench {

/// A cache that holds data.
struct Cache {
  int level = 0;
  std::size_t size_bytes = 0;
  std::string shared_with;    ///< the CPUs that share it, e.g. "0-1"
  std::size_t instances = 1;  ///< as many of its kind have the CPUs that this process may run on
};

/// Data and unified caches of the first CPU this process may run on, by level; empty when the system does not say.
[[nodiscard]] std::vector<Cache> data_caches();

/// The same from a folder like /sys/devices/system/cpu/cpu0/cache: its own instances only.
[[nodiscard]] std::vector<Cache> data_caches_in(const std::filesystem::path& folder);

struct Memory {
  std::uint64_t total_bytes = 0;
  std::uint64_t available_bytes = 0;              ///< without swapping; the limit below counted
  std::optional<std::uint64_t> limit_bytes = {};  ///< the tightest of this process's control groups (a container)
};

/// Zeros when the system does not say.
[[nodiscard]] Memory memory();

/// `memory` under the limits of control groups (version 2, control_group_folders). What a group uses counts without the
/// file pages that the kernel takes back first.
[[nodiscard]] Memory under_group_limits(Memory memory, const std::vector<std::filesystem::path>& folders);

/// MemTotal and MemAvailable of a text like /proc/meminfo.
[[nodiscard]] Memory parse_meminfo(std::string_view text);

/// "always", "madvise" or "never": when Linux backs memory with huge pages by itself; empty when it does not say.
[[nodiscard]] std::string transparent_huge_pages();

/// The word in brackets, as the kernel marks the choice: "madvise" of "always [madvise] never"; empty without one.
[[nodiscard]] std::string bracketed_word(std::string_view text);

/// Logical CPUs this process may run on.
[[nodiscard]] std::size_t usable_cpus();

}  // namespace valence::bench
