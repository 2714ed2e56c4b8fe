/// \file
/// Reading on a thread of its own, a window ahead of the thread that computes.
#pragma once

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

#include "valence/base/bounded_queue.h"
#include "valence/base/error.h"
#include "valence/data/record_reader.h"
#include "valence/pipeline/source.h"

namespace valence::pipeline {

struct Window {
  std::vector<data::Row> rows;
  std::optional<Error> input_error;  ///< met after `rows`
  SourceProgress progress;
};

/// Three windows at most are there at a time: one read, one waiting, one with the caller. Joined on every way out, for
/// which the stop flag is raised: the reader may be waiting for a pipe that stays open.
class ReadAhead {
 public:
  /// `source` and `stop`, which the source watches too, must outlive this.
  ReadAhead(Source& source, const data::WindowLimits& limits, std::atomic<bool>& stop);
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;
  ~ReadAhead();

  /// Waits for the next window; nothing behind the last one.
  std::optional<Window> next() { return windows_.pop(); }

 private:
  void read();

  Source& source_;
  data::WindowLimits limits_;
  std::atomic<bool>& stop_;
  BoundedQueue<Window> windows_{1};
  std::thread thread_;
};

}  // namespace valence::pipeline
