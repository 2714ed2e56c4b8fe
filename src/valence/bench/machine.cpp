#include "valence/bench/machine.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>

namespace valence::bench {
namespace {

namespace fs = std::filesystem;

/// Files under /proc and /sys have no size to read by; empty when it cannot be read.
std::string text_of(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string line_of(const fs::path& path) {
  const std::string text = text_of(path);
  return text.substr(0, text.find('\n'));
}

/// "48K", "260M" as bytes; 0 for anything else.
std::size_t parse_size(const std::string& text) {
  std::size_t value = 0;
  char unit = ' ';
  std::istringstream(text) >> value >> unit;
  if (unit == 'K') return value << 10U;
  if (unit == 'M') return value << 20U;
  return value;
}

int first_usable_cpu() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 0;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) return cpu;
  }
  return 0;
}

/// The tightest memory limit above this process and what it leaves, under control groups of version 2 or 1.
void apply_group_limit(Memory& memory) {
  struct Names {
    const char* folder;
    const char* limit;
    const char* used;
  };
  constexpr Names kVersions[] = {{"/sys/fs/cgroup", "memory.max", "memory.current"},
                                 {"/sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes"}};
  for (const Names& names : kVersions) {
    std::uint64_t limit = 0;
    // "max" is no number; version 1 writes an absurdly large one for no limit.
    if (!(std::istringstream(line_of(fs::path(names.folder) / names.limit)) >> limit)) continue;
    if (limit == 0 || limit >= memory.total_bytes) continue;
    std::uint64_t used = 0;
    std::istringstream(line_of(fs::path(names.folder) / names.used)) >> used;
    memory.limit_bytes = limit;
    memory.available_bytes = std::min(memory.available_bytes, limit - std::min(limit, used));
    return;
  }
}

}  // namespace

std::vector<Cache> data_caches_in(const fs::path& folder) {
  std::vector<Cache> caches;
  for (int index = 0;; ++index) {
    const fs::path entry = folder / ("index" + std::to_string(index));
    const std::string type = line_of(entry / "type");
    if (type.empty()) break;
    if (type != "Data" && type != "Unified") continue;
    Cache cache;
    std::istringstream(line_of(entry / "level")) >> cache.level;
    cache.size_bytes = parse_size(line_of(entry / "size"));
    cache.shared_with = line_of(entry / "shared_cpu_list");
    if (cache.level > 0 && cache.size_bytes > 0) caches.push_back(std::move(cache));
  }
  std::sort(caches.begin(), caches.end(), [](const Cache& a, const Cache& b) { return a.level < b.level; });
  return caches;
}

std::vector<Cache> data_caches() {
  return data_caches_in("/sys/devices/system/cpu/cpu" + std::to_string(first_usable_cpu()) + "/cache");
}

Memory parse_meminfo(std::string_view text) {
  Memory memory;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key;
    std::uint64_t kilobytes = 0;
    words >> key >> kilobytes;
    if (key == "MemTotal:") memory.total_bytes = kilobytes << 10U;
    if (key == "MemAvailable:") memory.available_bytes = kilobytes << 10U;
  }
  return memory;
}

Memory memory() {
  Memory memory = parse_meminfo(text_of("/proc/meminfo"));
  apply_group_limit(memory);
  return memory;
}

std::string bracketed_word(std::string_view text) {
  const auto open = text.find('[');
  const auto close = text.find(']', open == text.npos ? 0 : open);
  if (open == text.npos || close == text.npos) return "";
  return std::string(text.substr(open + 1, close - open - 1));
}

std::string transparent_huge_pages() { return bracketed_word(line_of("/sys/kernel/mm/transparent_hugepage/enabled")); }

std::size_t usable_cpus() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  return static_cast<std::size_t>(CPU_COUNT(&allowed));
}

}  // namespace valence::bench
