/// \file
/// The control groups of this process: what a container or service may use of the machine. Linux, version 2.
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>
#include <vector>

namespace valence {

inline constexpr const char* kControlGroupRoot = "/sys/fs/cgroup";

/// The folders of `group` ("/a.slice/b.scope", as /proc/self/cgroup names it) and of all groups above it, up to `root`.
/// Some may not be there: a container sees its own part of the tree only.
[[nodiscard]] std::vector<std::filesystem::path> control_group_folders(const std::filesystem::path& root,
                                                                       std::string_view group);

/// Those of this process under kControlGroupRoot.
[[nodiscard]] std::vector<std::filesystem::path> own_control_group_folders();

/// Processors' worth of time that the tightest of `folders` allows (cpu.max: "150000 100000" is 1.5); nothing when none
/// sets a limit.
[[nodiscard]] std::optional<double> cpu_quota(const std::vector<std::filesystem::path>& folders);

}  // namespace valence
