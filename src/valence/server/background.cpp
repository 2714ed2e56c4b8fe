#include "valence/server/background.h"

namespace valence::server {

Background::Background(std::size_t threads, std::size_t most_waiting)
    : queue_(2 * most_waiting), most_waiting_(most_waiting) {
  for (std::size_t i = 0; i < threads; ++i) {
    threads_.emplace_back([this] {
      while (auto work = queue_.pop()) {
        (*work)();
        --waiting_;
      }
    });
  }
}

Background::~Background() { stop(); }

void Background::stop() {
  queue_.close();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

bool Background::run(std::function<void()> work) {
  if (waiting_.fetch_add(1) >= most_waiting_) {
    --waiting_;
    return false;
  }
  return queue_.push(std::move(work));
}

}  // namespace valence::server
