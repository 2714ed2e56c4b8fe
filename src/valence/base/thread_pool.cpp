#include "valence/base/thread_pool.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <set>
#include <string>
#include <utility>

#include "valence/base/check.h"
#include "valence/base/control_group.h"

namespace valence {

ThreadPool::ThreadPool(std::size_t threads) {
  VALENCE_ASSERT(threads >= 1, "options are validated before a pool is made");
  threads_.reserve(threads - 1);
  try {
    for (std::size_t worker = 1; worker < threads; ++worker) {
      threads_.emplace_back([this, worker] { serve(worker); });
    }
  } catch (...) {
    stop();
    throw;
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void ThreadPool::serve(std::size_t worker) {
  std::unique_lock lock(mutex_);
  std::size_t served = 0;  // the last loop this thread took part in
  while (true) {
    wake_.wait(lock,
               [&] { return stopping_ || (loop_.next < loop_.count && !(loop_.one_each && served == loop_.number)); });
    if (stopping_) return;
    served = loop_.number;
    work(worker, lock);
  }
}

void ThreadPool::work(std::size_t worker, std::unique_lock<std::mutex>& lock) {
  ++loop_.running;
  while (loop_.next < loop_.count) {
    const std::size_t index = loop_.next++;
    const auto& body = *loop_.body;
    lock.unlock();
    std::exception_ptr failure;
    try {
      body(index, worker);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (failure) {
      if (!loop_.failure) loop_.failure = failure;
      loop_.next = loop_.count;
    }
    if (loop_.one_each) break;
  }
  if (--loop_.running == 0) done_.notify_all();
}

void ThreadPool::parallel_for(std::size_t count,
                              const std::function<void(std::size_t index, std::size_t worker)>& body) {
  const std::lock_guard turn(turn_);
  if (threads_.empty() || count <= 1) {
    for (std::size_t index = 0; index < count; ++index) body(index, 0);
    return;
  }
  run({.body = &body, .count = count});
}

void ThreadPool::run_together(std::size_t members, const std::function<void(std::size_t member)>& body) {
  VALENCE_ASSERT(members <= size(), "a thread for each member");
  const std::lock_guard turn(turn_);
  const std::function<void(std::size_t, std::size_t)> indexed = [&body](std::size_t index, std::size_t) {
    body(index);
  };
  run({.body = &indexed, .count = members, .one_each = true});
}

void ThreadPool::run(Loop loop) {
  std::unique_lock lock(mutex_);
  loop.number = loop_.number + 1;
  loop_ = loop;
  if (loop_.count > 1) wake_.notify_all();
  work(0, lock);
  done_.wait(lock, [this] { return loop_.running == 0 && loop_.next >= loop_.count; });
  if (loop_.failure) std::rethrow_exception(std::exchange(loop_.failure, nullptr));
}

std::size_t usable_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return 1;
  // Two hardware threads of one core share its multiplier units, so a second worker there gains nothing: count each
  // sibling group once.
  std::set<std::string> cores;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    std::ifstream file("/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list");
    std::string siblings;
    if (!std::getline(file, siblings)) siblings = std::to_string(cpu);
    cores.insert(siblings);
  }
  // More threads than a container may use of the processors only wait for each other.
  const auto quota = cpu_quota(own_control_group_folders());
  const auto allowed_cores =
      quota ? std::max<std::size_t>(1, static_cast<std::size_t>(std::ceil(*quota))) : cores.size();
  return std::clamp<std::size_t>(cores.size(), 1, std::max<std::size_t>(1, allowed_cores));
}

}  // namespace valence
