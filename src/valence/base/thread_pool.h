/// \file
/// Fixed workers for data-parallel loops.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace valence {

/// `threads` workers in all, the calling thread among them: a pool of one starts no thread and uses one core.
///
/// parallel_for may be called from several threads; calls take turns. The destructor joins.
class ThreadPool {
 public:
  /// Throws std::system_error when the operating system gives no more threads; none is left behind.
  explicit ThreadPool(std::size_t threads);
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;
  ~ThreadPool();

  [[nodiscard]] std::size_t size() const { return threads_.size() + 1; }

  /// Runs body(index, worker) for every index in [0, count), each once, indices handed out in ascending order.
  /// `worker` is in [0, size()) and no two bodies run with the same worker at a time. Returns when all are done.
  /// An exception in `body` ends the loop early and is thrown again here, once no body runs any more. `body` must not
  /// call parallel_for of the same pool.
  void parallel_for(std::size_t count, const std::function<void(std::size_t index, std::size_t worker)>& body);

  /// Runs body(member) for each member in [0, members) at the same time, every one on a thread of its own, so that they
  /// may wait for each other. members <= size(). `body` must not call the same pool; one that throws must have made
  /// sure that the others do not wait for it (SpinBarrier::give_up). The first exception is thrown again here.
  void run_together(std::size_t members, const std::function<void(std::size_t member)>& body);

 private:
  struct Loop {
    const std::function<void(std::size_t, std::size_t)>* body = nullptr;
    std::size_t count = 0;
    std::size_t next = 0;
    std::size_t running = 0;
    bool one_each = false;   // no thread takes a second index
    std::size_t number = 0;  // of the loop, from 1
    std::exception_ptr failure = nullptr;
  };
  void run(Loop loop);
  void serve(std::size_t worker);
  void stop();
  void work(std::size_t worker, std::unique_lock<std::mutex>& lock);

  std::mutex turn_;   // one parallel_for at a time
  std::mutex mutex_;  // guards everything below
  std::condition_variable wake_;
  std::condition_variable done_;
  Loop loop_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

/// Physical cores this process may run on (its affinity mask), no more than its control groups give it time on, at
/// least 1.
[[nodiscard]] std::size_t usable_cores();

}  // namespace valence
