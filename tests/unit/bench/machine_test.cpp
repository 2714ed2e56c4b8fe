#include "valence/bench/machine.h"

#include <gtest/gtest.h>

#include <fstream>

#include "support/temporary_directory.h"
#include "valence/base/control_group.h"
#include "valence/bench/read_bandwidth.h"

namespace valence::bench {
namespace {

constexpr std::size_t kKiB = 1024;
constexpr std::size_t kMiB = 1024 * kKiB;

void write_cache(const std::filesystem::path& folder, const char* level, const char* type, const char* size) {
  std::filesystem::create_directories(folder);
  std::ofstream(folder / "level") << level << '\n';
  std::ofstream(folder / "type") << type << '\n';
  std::ofstream(folder / "size") << size << '\n';
  std::ofstream(folder / "shared_cpu_list") << "0-1\n";
}

TEST(Machine, CachesAreThoseThatHoldDataByLevel) {
  const testing::TemporaryDirectory folder;
  write_cache(folder.path() / "index0", "1", "Data", "48K");
  write_cache(folder.path() / "index1", "1", "Instruction", "32K");
  write_cache(folder.path() / "index2", "3", "Unified", "260M");
  write_cache(folder.path() / "index3", "2", "Unified", "2048K");
  const auto caches = data_caches_in(folder.path());
  ASSERT_EQ(caches.size(), 3U);
  EXPECT_EQ(caches[0].size_bytes, 48 * kKiB);
  EXPECT_EQ(caches[1].size_bytes, 2 * kMiB);
  EXPECT_EQ(caches[2].level, 3);
  EXPECT_EQ(caches[2].size_bytes, 260 * kMiB);
  EXPECT_EQ(caches[2].shared_with, "0-1");
}

TEST(Machine, WithoutCacheFilesThereAreNone) {
  const testing::TemporaryDirectory folder;
  EXPECT_TRUE(data_caches_in(folder.path()).empty());
}

TEST(Machine, MeminfoIsReadInBytes) {
  const Memory memory = parse_meminfo("MemTotal:       24683956 kB\nMemFree:  1 kB\nMemAvailable:   23908356 kB\n");
  EXPECT_EQ(memory.total_bytes, 24683956ULL * 1024);
  EXPECT_EQ(memory.available_bytes, 23908356ULL * 1024);
  EXPECT_EQ(parse_meminfo("nonsense").total_bytes, 0U);
}

TEST(Machine, TightestGroupCountsAndPagesThatCanBeTakenBackDoNot) {
  const testing::TemporaryDirectory root;
  const auto group = root.path() / "a.slice" / "b.scope";
  std::filesystem::create_directories(group);
  const auto write = [](const std::filesystem::path& path, const char* text) { std::ofstream(path) << text; };
  write(root.path() / "a.slice" / "memory.max", "5000\n");
  write(root.path() / "a.slice" / "memory.current", "4500\n");
  write(root.path() / "a.slice" / "memory.stat", "anon 1\ninactive_file 3000\n");
  write(group / "memory.max", "4000\n");
  write(group / "memory.current", "100\n");
  const Memory machine{.total_bytes = 100'000, .available_bytes = 90'000};
  const Memory limited = under_group_limits(machine, control_group_folders(root.path(), "/a.slice/b.scope"));
  EXPECT_EQ(limited.limit_bytes, 4000U);
  EXPECT_EQ(limited.available_bytes, 3500U);  // of the slice: 5000 - (4500 - 3000)
  write(group / "memory.max", "max\n");
  EXPECT_EQ(under_group_limits(machine, control_group_folders(root.path(), "/a.slice/b.scope")).limit_bytes, 5000U);
  EXPECT_EQ(under_group_limits(machine, control_group_folders(root.path(), "/")).limit_bytes, std::nullopt);
}

TEST(Machine, ChoiceIsTheWordInBrackets) {
  EXPECT_EQ(bracketed_word("always [madvise] never"), "madvise");
  EXPECT_EQ(bracketed_word("always"), "");
  EXPECT_EQ(bracketed_word("[open"), "");
  EXPECT_EQ(bracketed_word("]["), "");
}

TEST(ReadProbes, LieInsideTheirLevel) {
  const std::vector<Cache> caches = {{1, 48 * kKiB, "0"}, {2, 2 * kMiB, "0"}, {3, 32 * kMiB, "0-1"}};
  const auto probes = read_probes(caches, 2);
  ASSERT_EQ(probes.size(), 4U);
  EXPECT_EQ(probes[0].bytes_per_thread, 24 * kKiB);
  EXPECT_EQ(probes[1].bytes_per_thread, 1 * kMiB);
  EXPECT_EQ(probes[2].bytes_per_thread, 8 * kMiB);  // two of them are half of the cache
  EXPECT_EQ(probes[3].level, "DRAM");
  EXPECT_EQ(probes[3].bytes_per_thread, 32 * kMiB);  // two of them are twice the cache
}

// 96 cores with 1 MiB each, and 12 times 32 MiB for all of them: twice all of that does not fit anywhere.
TEST(ReadProbes, AllInstancesOfACacheCount) {
  const std::vector<Cache> caches = {{1, 32 * kKiB, "0", 96}, {2, 1 * kMiB, "0", 96}, {3, 32 * kMiB, "0-7", 12}};
  const auto probes = read_probes(caches, 96);
  ASSERT_EQ(probes.size(), 4U);
  EXPECT_EQ(probes[2].bytes_per_thread, 2 * kMiB);
  EXPECT_EQ(probes[3].bytes_per_thread, 8 * kMiB);
}

// 2 MiB of its own and 1.25 MiB of the shared one: nothing that a thread reads there comes from the shared one.
TEST(ReadProbes, SharedCacheBehindALargerOwnOneIsLeftOut) {
  const std::vector<Cache> caches = {{1, 48 * kKiB, "0", 16}, {2, 2 * kMiB, "0", 16}, {3, 20 * kMiB, "0-15", 1}};
  const auto probes = read_probes(caches, 16);
  ASSERT_EQ(probes.size(), 3U);
  EXPECT_EQ(probes[2].level, "DRAM");
}

TEST(ReadProbes, UnknownCachesLeaveMainMemory) {
  const auto probes = read_probes({}, 1);
  ASSERT_EQ(probes.size(), 1U);
  EXPECT_EQ(probes[0].bytes_per_thread, 64 * kMiB);
}

TEST(ReadBandwidth, IsMeasuredOnOneAndOnTwoThreads) {
  EXPECT_GT(measure_read_gbs(16 * kKiB, 1, 0.01), 0.1);
  EXPECT_GT(measure_read_gbs(16 * kKiB, 2, 0.01), 0.1);
}

}  // namespace
}  // namespace valence::bench
