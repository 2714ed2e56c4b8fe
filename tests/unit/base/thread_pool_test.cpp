#include "valence/base/thread_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <set>
#include <stdexcept>

#include "valence/base/team.h"

namespace valence {
namespace {

TEST(ThreadPool, EveryIndexRunsOnceWhateverTheNumberOfThreads) {
  for (const std::size_t threads : {1U, 2U, 7U}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.size(), threads);
    for (const std::size_t count : {0U, 1U, 2U, 1000U}) {
      std::vector<std::atomic<int>> runs(count);
      pool.parallel_for(count, [&](std::size_t index, std::size_t worker) {
        ASSERT_LT(worker, threads);
        ++runs[index];
      });
      for (const auto& run : runs) EXPECT_EQ(run.load(), 1);
    }
  }
}

TEST(ThreadPool, MembersOfATeamRunAtTheSameTime) {
  ThreadPool pool(3);
  for (int round = 0; round < 200; ++round) {
    for (const std::size_t members : {1U, 2U, 3U}) {
      SpinBarrier barrier(members);
      std::vector<int> seen(members, 0);
      std::atomic<int> sum{0};
      pool.run_together(members, [&](std::size_t index) {
        const TeamMember member{.index = index, .size = members, .barrier = &barrier};
        seen[index] = 1;
        member.wait();  // would never end if a thread ran two members one after the other
        for (const int each : seen) sum += each;
        member.wait();
      });
      EXPECT_EQ(sum.load(), static_cast<int>(members * members));
    }
    std::atomic<int> runs{0};
    pool.parallel_for(5, [&](std::size_t, std::size_t) { ++runs; });
    EXPECT_EQ(runs.load(), 5);
  }
}

TEST(ThreadPool, TeamEndsWhenOneOfItGivesUp) {
  ThreadPool pool(3);
  for (int round = 0; round < 50; ++round) {
    SpinBarrier barrier(3);
    const auto body = [&](std::size_t index) {
      const TeamMember member{.index = index, .size = 3, .barrier = &barrier};
      try {
        member.wait();
        if (index == 1) throw std::runtime_error("no memory");
        member.wait();  // would never end if nobody told
        ADD_FAILURE() << "went on without member 1";
      } catch (const TeamGaveUp&) {
      } catch (...) {
        barrier.give_up();
        throw;
      }
    };
    EXPECT_THROW(pool.run_together(3, body), std::runtime_error);
  }
}

TEST(ThreadPool, PoolOfOneRunsOnTheCallingThread) {
  ThreadPool pool(1);
  std::set<std::thread::id> ids;
  pool.parallel_for(10, [&](std::size_t, std::size_t) { ids.insert(std::this_thread::get_id()); });
  EXPECT_EQ(ids, std::set{std::this_thread::get_id()});
}

TEST(ThreadPool, ExceptionInABodyReachesTheCallerOnceNobodyRunsAnyMore) {
  ThreadPool pool(3);
  std::atomic<int> running{0};
  const auto loop = [&] {
    pool.parallel_for(100, [&](std::size_t index, std::size_t) {
      ++running;
      if (index == 7) {
        --running;
        throw std::runtime_error("seven");
      }
      --running;
    });
  };
  EXPECT_THROW(loop(), std::runtime_error);
  EXPECT_EQ(running, 0);
  std::atomic<int> runs{0};
  pool.parallel_for(5, [&](std::size_t, std::size_t) { ++runs; });
  EXPECT_EQ(runs, 5) << "the pool works on";
}

TEST(ThreadPool, AWorkerNumberHasOneUserAtATimeAcrossConcurrentCalls) {
  ThreadPool pool(3);
  std::vector<std::atomic<int>> users(pool.size());
  std::atomic<bool> shared{false};
  const auto caller = [&] {
    for (int round = 0; round < 200; ++round) {
      pool.parallel_for(8, [&](std::size_t, std::size_t worker) {
        if (++users[worker] != 1) shared = true;
        --users[worker];
      });
    }
  };
  std::thread other(caller);
  caller();
  other.join();
  EXPECT_FALSE(shared);
}

}  // namespace
}  // namespace valence
