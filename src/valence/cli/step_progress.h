/// \file
/// The progress line of work that goes in named steps.
#pragma once

#include <chrono>
#include <cstddef>
#include <string_view>

namespace valence::cli {

/// "3 of 24: int8 vpdpbusd, 512 bit" on stderr: redrawn in place on a terminal, at most a line every ten seconds
/// elsewhere, nothing when quiet. Not thread-safe.
class StepProgress {
 public:
  StepProgress(std::size_t steps, bool quiet);
  StepProgress(const StepProgress&) = delete;
  StepProgress& operator=(const StepProgress&) = delete;
  ~StepProgress() { clear(); }

  /// The next step begins.
  void step(std::string_view name);
  /// Removes the line from the terminal.
  void clear();

 private:
  std::size_t steps_;
  std::size_t at_ = 0;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point last_line_;
};

}  // namespace valence::cli
