/// \file
/// Parallel loops of microseconds, one after the other, without a system call between them.
#pragma once

#include <atomic>
#include <cstddef>
#include <exception>
#include <functional>
#include <thread>
#include <type_traits>
#include <utility>

#include "valence/base/thread_pool.h"

namespace valence {

/// The threads of a pool, held together for the length of run(): inside it, parallel_for hands out indices to threads
/// that are awake already (they spin, and yield after a while). Outside, parallel_for runs on the calling thread alone.
///
/// One thread calls run() and, within it, parallel_for. What body(index, member) does for an index must not depend on
/// who does it: any member may get it.
class SpinTeam {
 public:
  explicit SpinTeam(ThreadPool& pool) : pool_(pool) {}
  SpinTeam(const SpinTeam&) = delete;
  SpinTeam& operator=(const SpinTeam&) = delete;

  [[nodiscard]] std::size_t size() const { return pool_.size(); }

  /// Runs `main` on one thread while the others wait for its loops. An exception of `main` is thrown again here.
  void run(const std::function<void()>& main) {
    if (size() == 1) return main();
    over_.store(false, std::memory_order_relaxed);
    start_ = loop_.load(std::memory_order_relaxed);
    pool_.run_together(size(), [&](std::size_t member) {
      if (member == 0) {
        const Finish finish{*this};
        together_ = true;
        main();
      } else {
        serve(member);
      }
    });
  }

  /// body(index, member) for each index in [0, count). An exception in a body is thrown again here, after the loop.
  template <class Body>
  void parallel_for(std::size_t count, Body&& body) {
    if (!together_ || count <= 1) {
      for (std::size_t index = 0; index < count; ++index) body(index, std::size_t{0});
      return;
    }
    using Plain = std::remove_reference_t<Body>;
    call_ = [](void* context, std::size_t index, std::size_t member) {
      (*static_cast<Plain*>(context))(index, member);
    };
    context_ = const_cast<void*>(static_cast<const void*>(&body));
    count_ = count;
    next_.store(0, std::memory_order_relaxed);
    finished_.store(0, std::memory_order_relaxed);
    loop_.fetch_add(1, std::memory_order_release);
    work(0);
    for (int spins = 0; finished_.load(std::memory_order_acquire) + 1 < size(); ++spins) rest(spins);
    if (failed_.exchange(false, std::memory_order_acq_rel)) std::rethrow_exception(std::exchange(failure_, nullptr));
  }

 private:
  struct Finish {
    SpinTeam& team;
    ~Finish() {
      team.together_ = false;
      team.over_.store(true, std::memory_order_release);
    }
  };

  void serve(std::size_t member) {
    std::size_t seen = start_;
    for (;;) {
      for (int spins = 0; loop_.load(std::memory_order_acquire) == seen; ++spins) {
        if (over_.load(std::memory_order_acquire) && loop_.load(std::memory_order_acquire) == seen) return;
        rest(spins);
      }
      ++seen;
      work(member);
      finished_.fetch_add(1, std::memory_order_acq_rel);
    }
  }

  void work(std::size_t member) {
    for (;;) {
      const std::size_t index = next_.fetch_add(1, std::memory_order_relaxed);
      if (index >= count_) return;
      try {
        call_(context_, index, member);
      } catch (...) {
        if (!failed_.exchange(true, std::memory_order_acq_rel)) failure_ = std::current_exception();
        next_.store(count_, std::memory_order_relaxed);
      }
    }
  }

  static void rest(int spins) {
    constexpr int kSpins = 4000;  // some 50 microseconds
    if (spins > kSpins) std::this_thread::yield();
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
  }

  ThreadPool& pool_;
  bool together_ = false;  // only main's thread looks at it
  std::atomic<bool> over_{true};
  std::atomic<std::size_t> loop_{0};  // number of the loop; everything below belongs to it
  std::size_t start_ = 0;             // number of the last loop before run()
  void (*call_)(void*, std::size_t, std::size_t) = nullptr;
  void* context_ = nullptr;
  std::size_t count_ = 0;
  std::atomic<std::size_t> next_{0};
  std::atomic<std::size_t> finished_{0};
  std::atomic<bool> failed_{false};
  std::exception_ptr failure_;
};

}  // namespace valence
