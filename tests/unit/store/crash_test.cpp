// kill -9 at any moment: every record that was acknowledged is in the history once.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "support/temporary_directory.h"
#include "unit/store/history_records.h"
#include "valence/base/random.h"
#include "valence/store/spool.h"
#include "valence/store/sqlite_store.h"

namespace valence::store::testing {
namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

constexpr int kBatch = 50;  // what one fsync is shared by: 2,000 rows a second and more

std::string id_of(int run, int number) { return std::to_string(1000 + run) + "-" + std::to_string(1'000'000 + number); }

SpoolOptions spool_options(const fs::path& directory) {
  SpoolOptions options;
  options.directory = directory / "spool";
  options.text = TextPolicy::kFull;
  options.segment_bytes = 64 << 10;
  options.segment_life = milliseconds(20);
  return options;
}

/// The child: writes batches and says each number on `acknowledged` once its batch is on disk. Ends by being killed.
[[noreturn]] void write_until_killed(const fs::path& directory, int run, int acknowledged) {
  auto store = SqliteStore::open(directory / "history.db");
  if (!store) std::_Exit(3);
  auto spool = Spool::open(spool_options(directory), **store);
  if (!spool) std::_Exit(4);
  for (int number = 0;; number += kBatch) {
    std::vector<pipeline::ClassifiedRecord> records;
    for (int i = 0; i < kBatch; ++i) {
      records.push_back(classified({.id = id_of(run, number + i), .time_ms = run, .stream = std::to_string(run)}));
    }
    if (!(*spool)->write_durably(records, std::chrono::seconds(60))) std::_Exit(5);
    const int done = number + kBatch;
    if (::write(acknowledged, &done, sizeof(done)) != sizeof(done)) std::_Exit(6);
  }
}

/// Opens what was left and looks for the first acknowledged[run] records of each run.
void expect_all_there(const fs::path& directory, const std::vector<int>& acknowledged) {
  auto store = SqliteStore::open(directory / "history.db");
  ASSERT_TRUE(store) << store.error().to_string();
  auto spool = Spool::open(spool_options(directory), **store);
  ASSERT_TRUE(spool) << spool.error().to_string();
  ASSERT_TRUE((*spool)->drain(std::chrono::seconds(60)));
  EXPECT_EQ((*spool)->stats().damaged_segments, 0U);
  for (int run = 0; run < static_cast<int>(acknowledged.size()); ++run) {
    const auto sure = static_cast<std::size_t>(acknowledged[static_cast<std::size_t>(run)]);
    std::vector<bool> there(sure + 2 * kBatch);
    ASSERT_TRUE((*store)->scan({.stream = std::to_string(run)}, [&](const StoredRecord& record) {
      const auto number = static_cast<std::size_t>(std::stoi(record.record.id.substr(5)) - 1'000'000);
      EXPECT_LT(number, there.size());
      EXPECT_FALSE(there.at(number)) << "twice";
      there.at(number) = true;
      return true;
    }));
    for (std::size_t number = 0; number < sure; ++number) ASSERT_TRUE(there[number]) << run << ": " << number;
    // The figures say the same as the records.
    const auto trend = (*store)->trend({.bucket = TimeBucket::kMonth, .stream = std::to_string(run)});
    ASSERT_TRUE(trend);
    EXPECT_EQ(trend->points.at(0).total().texts,
              static_cast<std::uint64_t>(std::count(there.begin(), there.end(), true)));
  }
}

TEST(Crash, EveryAcknowledgedRecordIsThereOnceAfterKillsAtAnyMoment) {
  // 20 by default; the hundred of the release: VALENCE_KILL_POINTS=100.
  const char* const asked = std::getenv("VALENCE_KILL_POINTS");
  const int kills = asked == nullptr ? 20 : std::atoi(asked);
  const valence::testing::TemporaryDirectory directory;
  Random random(20'26);
  std::vector<int> acknowledged;  // by run, how many of its records
  std::uint64_t acknowledged_in_all = 0;
  std::chrono::duration<double> writing{0};
  for (int run = 0; run < kills; ++run) {
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ::close(ends[0]);
      write_until_killed(directory.path(), run, ends[1]);
    }
    ::close(ends[1]);
    // The moment: after some acknowledgements, and a few microseconds that no step of the child is in time with.
    const auto wanted = 1 + static_cast<int>(random.below(24));
    int last = 0;
    std::chrono::steady_clock::time_point first_at;
    for (int seen = 0; seen < wanted; ++seen) {
      ASSERT_EQ(::read(ends[0], &last, sizeof(last)), static_cast<ssize_t>(sizeof(last))) << "the child ended early";
      if (seen == 0) first_at = std::chrono::steady_clock::now();
    }
    writing += std::chrono::steady_clock::now() - first_at;
    acknowledged_in_all += static_cast<std::uint64_t>((wanted - 1) * kBatch);
    for (auto spin = random.below(200'000); spin > 0; --spin) {
      asm volatile("" ::: "memory");
    }
    ::kill(child, SIGKILL);
    for (int more = 0; ::read(ends[0], &more, sizeof(more)) == static_cast<ssize_t>(sizeof(more));) last = more;
    ::close(ends[0]);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "exit " << WEXITSTATUS(status);

    acknowledged.push_back(last);
    // Otherwise the next child begins with what the killed one left.
    if (run % 3 == 0 || run + 1 == kills) expect_all_there(directory.path(), acknowledged);
  }
  auto database = SqliteDatabase::open(directory.path() / "history.db", {});
  ASSERT_TRUE(database);
  auto check = database->prepare("PRAGMA integrity_check");
  ASSERT_TRUE(check && check->step());
  EXPECT_EQ(check->text(0), "ok");
  std::printf("%d kills, %.0f acknowledged records a second\n", kills,
              static_cast<double>(acknowledged_in_all) / writing.count());
}

}  // namespace
}  // namespace valence::store::testing
