#include "valence/cli/step_progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <string>

#include "valence/cli/terminal.h"

namespace valence::cli {

StepProgress::StepProgress(std::size_t steps, bool quiet)
    : steps_(steps),
      quiet_(quiet),
      terminal_(is_terminal(STDERR_FILENO)),
      last_line_(std::chrono::steady_clock::now()) {}

void StepProgress::step(std::string_view name) {
  ++at_;
  if (quiet_) return;
  std::string line = fmt::format("{} of {}: {}", at_, steps_, name);
  if (terminal_) {
    line.resize(std::min(line.size(), terminal_width(STDERR_FILENO) - 1));
    fmt::print(stderr, "\r{}\x1b[K", line);
    std::fflush(stderr);
    drawn_ = true;
    return;
  }
  constexpr std::chrono::seconds kLineInterval{10};
  const auto now = std::chrono::steady_clock::now();
  if (now - last_line_ < kLineInterval) return;
  last_line_ = now;
  print_note(line);
}

void StepProgress::clear() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

}  // namespace valence::cli
