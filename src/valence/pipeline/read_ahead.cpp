#include "valence/pipeline/read_ahead.h"

#include <new>
#include <utility>

namespace valence::pipeline {

ReadAhead::ReadAhead(Source& source, const data::WindowLimits& limits, std::atomic<bool>& stop)
    : source_(source), limits_(limits), stop_(stop), thread_([this] { read(); }) {}

ReadAhead::~ReadAhead() {
  // The reader may be waiting for a pipe that stays open, or for room in the queue.
  stop_ = true;
  windows_.close();
  thread_.join();
}

void ReadAhead::read() {
  bool more = true;
  while (more && !stop_) {
    Window window;
    try {
      const auto state = source_.next(window.rows, limits_);
      if (!state) window.input_error = state.error();
      more = state && *state == data::ReaderState::kMore;
    } catch (const std::bad_alloc&) {  // would end the program here, in a thread of its own
      window.input_error = Error(ErrorCode::kOverloaded, "", "out of memory while reading");
      more = false;
    }
    window.progress = source_.progress();
    if (!windows_.push(std::move(window))) return;
  }
  windows_.close();
}

}  // namespace valence::pipeline
