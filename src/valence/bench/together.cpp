#include "valence/bench/together.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace valence::bench {

double seconds_together(std::size_t threads, const std::function<void(std::size_t)>& prepare,
                        const std::function<void(std::size_t)>& work) {
  using Clock = std::chrono::steady_clock;
  std::barrier ready(static_cast<std::ptrdiff_t>(threads));
  std::vector<Clock::time_point> starts(threads);
  std::vector<Clock::time_point> ends(threads);
  std::mutex mutex;
  std::exception_ptr failure;  // the first one; written before the barrier, read after it
  const auto note_failure = [&] {
    const std::lock_guard lock(mutex);
    if (!failure) failure = std::current_exception();
  };
  const auto run = [&](std::size_t thread) {
    try {
      prepare(thread);
    } catch (...) {
      note_failure();
    }
    ready.arrive_and_wait();
    if (failure) return;
    starts[thread] = Clock::now();
    work(thread);
    ends[thread] = Clock::now();
  };
  std::vector<std::thread> running;
  running.reserve(threads);
  try {
    while (running.size() < threads) running.emplace_back(run, running.size());
  } catch (...) {
    note_failure();
    for (std::size_t missing = running.size(); missing < threads; ++missing) ready.arrive_and_drop();
  }
  for (auto& thread : running) thread.join();
  if (failure) std::rethrow_exception(failure);
  const auto first = *std::min_element(starts.begin(), starts.end());
  const auto last = *std::max_element(ends.begin(), ends.end());
  return std::chrono::duration<double>(last - first).count();
}

}  // namespace valence::bench
