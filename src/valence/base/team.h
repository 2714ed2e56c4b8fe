/// \file
/// Several threads in step through one short piece of work.
#pragma once

#include <atomic>
#include <cstddef>
#include <thread>

namespace valence {

/// A barrier for phases of microseconds: it spins, and yields the core after a while so that more members than free
/// cores still get on.
class SpinBarrier {
 public:
  explicit SpinBarrier(std::size_t members) : members_(members) {}

  /// Returns true when all members have called it as often as this one: what they wrote before is visible after. False
  /// once one of them has given up.
  [[nodiscard]] bool arrive_and_wait() {
    const std::size_t phase = phase_.load(std::memory_order_relaxed);
    if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == members_) {
      arrived_.store(0, std::memory_order_relaxed);
      phase_.store(phase + 1, std::memory_order_release);
      return !given_up_.load(std::memory_order_relaxed);
    }
    for (int spins = 0; phase_.load(std::memory_order_acquire) == phase; ++spins) {
      if (given_up_.load(std::memory_order_relaxed)) return false;
      if (spins > kSpins) std::this_thread::yield();
      pause();
    }
    return !given_up_.load(std::memory_order_relaxed);
  }

  /// By a member that cannot go on: nobody waits for it any more.
  void give_up() { given_up_.store(true, std::memory_order_relaxed); }

 private:
  static constexpr int kSpins = 4000;  // some 50 microseconds

  static void pause() {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#endif
  }

  std::size_t members_;
  std::atomic<std::size_t> arrived_{0};
  std::atomic<std::size_t> phase_{0};
  std::atomic<bool> given_up_{false};
};

/// What wait() throws in the others when one member has thrown something.
struct TeamGaveUp {};

/// One member's place in a team. Everybody runs the same code; work is divided by `index`.
struct TeamMember {
  std::size_t index = 0;
  std::size_t size = 1;
  SpinBarrier* barrier = nullptr;

  void wait() const {
    if (size > 1 && !barrier->arrive_and_wait()) throw TeamGaveUp();
  }
};

}  // namespace valence
