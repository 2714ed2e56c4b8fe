#include "valence/bench/machine.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <set>
#include <sstream>

#include "valence/base/control_group.h"

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

/// The number after `key` on a line of its own; 0 without one.
std::uint64_t value_of(const std::string& text, std::string_view key) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    std::uint64_t value = 0;
    if (words >> word >> value && word == key) return value;
  }
  return 0;
}

struct GroupFiles {
  const char* limit;
  const char* used;
  const char* reclaimable;  ///< the key in memory.stat
};
constexpr GroupFiles kVersion2{"memory.max", "memory.current", "inactive_file"};
constexpr GroupFiles kVersion1{"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};

/// The limit of one group, if it has one below what the machine has.
void apply_group_limit(Memory& memory, const fs::path& folder, const GroupFiles& files) {
  std::uint64_t limit = 0;
  // "max" is no number; version 1 writes an absurdly large one for no limit.
  if (!(std::istringstream(line_of(folder / files.limit)) >> limit)) return;
  if (limit == 0 || limit >= memory.total_bytes) return;
  std::uint64_t used = 0;
  std::istringstream(line_of(folder / files.used)) >> used;
  used -= std::min(used, value_of(text_of(folder / "memory.stat"), files.reclaimable));
  memory.limit_bytes = std::min(limit, memory.limit_bytes.value_or(limit));
  memory.available_bytes = std::min(memory.available_bytes, limit - std::min(limit, used));
}

std::vector<int> usable_cpu_numbers() {
  std::vector<int> cpus;
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return {0};
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  }
  return cpus;
}

std::vector<Cache> data_caches_of(int cpu) {
  return data_caches_in("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/cache");
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
  const std::vector<int> cpus = usable_cpu_numbers();
  std::vector<Cache> caches = data_caches_of(cpus.front());
  std::vector<std::set<std::string>> sharers(caches.size());
  for (const int cpu : cpus) {
    for (const Cache& other : data_caches_of(cpu)) {
      for (std::size_t i = 0; i < caches.size(); ++i) {
        if (other.level == caches[i].level) sharers[i].insert(other.shared_with);
      }
    }
  }
  for (std::size_t i = 0; i < caches.size(); ++i) caches[i].instances = sharers[i].size();
  return caches;
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

Memory under_group_limits(Memory memory, const std::vector<fs::path>& folders) {
  for (const fs::path& folder : folders) apply_group_limit(memory, folder, kVersion2);
  return memory;
}

Memory memory() {
  Memory memory = parse_meminfo(text_of("/proc/meminfo"));
  apply_group_limit(memory, "/sys/fs/cgroup/memory", kVersion1);
  return under_group_limits(memory, own_control_group_folders());
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
