#include "valence/cli/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "valence/cli/quantities.h"
#include "valence/cli/terminal.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kTerminalInterval{100};
constexpr seconds kLineInterval{10};
// A run that is over before this needs no bar flashing by.
constexpr milliseconds kQuietStart{500};
constexpr std::size_t kBarWidth = 20;

std::string bar(double fraction) {
  const auto full = static_cast<std::size_t>(fraction * static_cast<double>(kBarWidth));
  return fmt::format("[{:#<{}}{:-<{}}]", "", full, "", kBarWidth - full);
}

}  // namespace

std::string with_thousands(std::uint64_t value) {
  std::string digits = std::to_string(value);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

std::string clock_time(std::chrono::duration<double> duration) {
  const auto total = static_cast<std::uint64_t>(std::llround(std::max(0.0, duration.count())));
  const std::uint64_t hours = total / 3600;
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, total / 60 % 60, total % 60);
  return fmt::format("{}:{:02}", total / 60, total % 60);
}

std::string render_progress(const LearningState& state, std::size_t width) {
  const double fraction =
      state.total_steps > 0 ? static_cast<double>(state.step) / static_cast<double>(state.total_steps) : 0;
  std::string line =
      fmt::format("{} {:3.0f} %  epoch {:.2f}  loss {:.4f}  lr {:.1e}  {} tokens/s  {}", bar(fraction),
                  std::floor(fraction * 100), state.epoch, state.loss, state.learning_rate,
                  with_thousands(static_cast<std::uint64_t>(state.tokens_per_second)), clock_time(state.elapsed));
  const std::int64_t ours = state.step - state.first_step;
  if (ours > 0 && state.step < state.total_steps) {
    const double left =
        state.elapsed.count() * static_cast<double>(state.total_steps - state.step) / static_cast<double>(ours);
    line += fmt::format("  ETA {}", clock_time(std::chrono::duration<double>(left)));
  }
  return line.size() <= width ? line : line.substr(0, width);
}

std::string render_progress(const ProgressState& state, std::size_t width) {
  const double elapsed = state.elapsed.count();
  const double rate = elapsed > 0 ? static_cast<double>(state.rows) / elapsed : 0;
  std::string line;
  std::string eta;
  if (state.bytes_total && *state.bytes_total > 0) {
    const double fraction =
        std::min(1.0, static_cast<double>(state.bytes_done) / static_cast<double>(*state.bytes_total));
    line = fmt::format("{} {:3.0f} %  ", bar(fraction), std::floor(fraction * 100));
    const auto ours = static_cast<double>(state.bytes_done - std::min(state.bytes_done, state.bytes_skipped));
    if (ours > 0 && state.rows > 0) {
      const double to_do = (1 - fraction) * static_cast<double>(*state.bytes_total);
      const std::chrono::duration<double> left(elapsed * to_do / ours);
      eta = fmt::format("  ETA {}", clock_time(left));
    }
  }
  line += fmt::format("{} rows", with_thousands(state.rows));
  if (state.failed > 0) line += fmt::format("  {} failed", with_thousands(state.failed));
  line += fmt::format("  {} rows/s", with_thousands(static_cast<std::uint64_t>(rate)));
  line += eta.empty() ? fmt::format("  {}", clock_time(state.elapsed)) : eta;
  if (line.size() > width) line.resize(width);
  return line;
}

std::string render_progress(const DownloadState& state, std::size_t width) {
  const auto total = static_cast<double>(state.bytes_total);
  const double fraction = total > 0 ? std::min(1.0, static_cast<double>(state.bytes_done) / total) : 1;
  const double elapsed = state.elapsed.count();
  const auto ours = static_cast<double>(state.bytes_done - std::min(state.bytes_done, state.bytes_before));
  const double rate = elapsed > 0 ? ours / elapsed : 0;
  std::string line = fmt::format("{} {:3.0f} %  {:.1f} of {}  {}/s", bar(fraction), std::floor(fraction * 100),
                                 static_cast<double>(state.bytes_done) / 1e6, megabytes(state.bytes_total),
                                 megabytes(static_cast<std::uint64_t>(rate)));
  if (rate > 0) {
    const std::chrono::duration<double> left((1 - fraction) * total / rate);
    line += fmt::format("  ETA {}", clock_time(left));
  }
  if (line.size() > width) line.resize(width);
  // A name comes from the other side of the network.
  if (line.size() + 3 < width) line += fmt::format("  {}", data::shown(state.file, width - line.size() - 2, false));
  return line;
}

Progress::Progress(Style style)
    : style_(style),
      start_(std::chrono::steady_clock::now()),
      next_(start_ + (style == Style::kTerminal ? kQuietStart : milliseconds(kLineInterval))) {}

std::chrono::duration<double> Progress::elapsed() const { return std::chrono::steady_clock::now() - start_; }

void Progress::update(ProgressState state) { show(state); }
void Progress::update(LearningState state) { show(state); }

void Progress::update(DownloadState state) { show(state); }

template <class State>
void Progress::show(State& state) {
  const auto now = std::chrono::steady_clock::now();
  if (style_ == Style::kQuiet || now < next_) return;
  state.elapsed = now - start_;
  if (style_ == Style::kTerminal) {
    next_ = now + kTerminalInterval;
    const std::string line = render_progress(state, terminal_width(STDERR_FILENO) - 1);
    std::fprintf(stderr, "\r%s\x1b[K", line.c_str());
    drawn_ = true;
  } else {
    next_ = now + kLineInterval;
    std::fprintf(stderr, "%s\n", render_progress(state, 200).c_str());
  }
}

Progress::Style progress_style(const GlobalOptions& global) {
  if (global.quiet) return Progress::Style::kQuiet;
  return is_terminal(STDERR_FILENO) ? Progress::Style::kTerminal : Progress::Style::kLines;
}

void Progress::clear() {
  if (drawn_) std::fputs("\r\x1b[K", stderr);
  drawn_ = false;
}

}  // namespace valence::cli
