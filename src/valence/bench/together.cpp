#include "valence/bench/together.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <thread>
#include <vector>

namespace valence::bench {

double seconds_together(std::size_t threads, const std::function<void(std::size_t)>& prepare,
                        const std::function<void(std::size_t)>& work) {
  using Clock = std::chrono::steady_clock;
  std::barrier ready(static_cast<std::ptrdiff_t>(threads));
  std::vector<Clock::time_point> starts(threads);
  std::vector<Clock::time_point> ends(threads);
  std::vector<std::thread> running;
  for (std::size_t thread = 0; thread < threads; ++thread) {
    running.emplace_back([&, thread] {
      prepare(thread);
      ready.arrive_and_wait();
      starts[thread] = Clock::now();
      work(thread);
      ends[thread] = Clock::now();
    });
  }
  for (auto& thread : running) thread.join();
  const auto first = *std::min_element(starts.begin(), starts.end());
  const auto last = *std::max_element(ends.begin(), ends.end());
  return std::chrono::duration<double>(last - first).count();
}

}  // namespace valence::bench
