/// \file
/// Work that waits for disks or databases, off the threads that serve connections.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <thread>
#include <vector>

#include "valence/base/bounded_queue.h"

namespace valence::server {

/// Thread-safe. The destructor stops it.
class Background {
 public:
  explicit Background(std::size_t threads = 1, std::size_t most_waiting = 64);
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  ~Background();

  /// False when too much waits already: `work` is not taken.
  [[nodiscard]] bool run(std::function<void()> work);

  /// Finishes what was taken and takes no more; before what the work uses goes.
  void stop();

 private:
  BoundedQueue<std::function<void()>> queue_;
  std::size_t most_waiting_;
  std::atomic<std::size_t> waiting_{0};
  std::vector<std::thread> threads_;
};

}  // namespace valence::server
