#include "valence/base/control_group.h"

#include <algorithm>
#include <fstream>
#include <string>

namespace valence {

namespace fs = std::filesystem;

std::vector<fs::path> control_group_folders(const fs::path& root, std::string_view group) {
  std::vector<fs::path> folders;
  for (fs::path relative = fs::path(group).lexically_normal().relative_path(); !relative.empty() && relative != "..";
       relative = relative.parent_path()) {
    folders.push_back(root / relative);
  }
  folders.push_back(root);
  return folders;
}

std::vector<fs::path> own_control_group_folders() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::")) return control_group_folders(kControlGroupRoot, line.substr(3));
  }
  return control_group_folders(kControlGroupRoot, "/");
}

std::optional<double> cpu_quota(const std::vector<fs::path>& folders) {
  std::optional<double> tightest;
  for (const fs::path& folder : folders) {
    std::ifstream file(folder / "cpu.max");
    double quota = 0;
    double period = 0;
    if (!(file >> quota >> period) || quota <= 0 || period <= 0) continue;  // "max 100000" is no number: no limit
    tightest = std::min(quota / period, tightest.value_or(quota / period));
  }
  return tightest;
}

}  // namespace valence
