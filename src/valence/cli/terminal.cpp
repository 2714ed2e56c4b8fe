#include "valence/cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

#include "valence/base/error.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

constexpr std::string_view kRed = "\x1b[1;31m";
constexpr std::string_view kYellow = "\x1b[1;33m";
constexpr std::string_view kReset = "\x1b[0m";

bool message_color = false;  // set once at start-up

void print_line(std::string_view prefix, std::string_view color, std::string_view message) {
  const std::string shown =
      message_color && !prefix.empty() ? fmt::format("{}{}{}", color, prefix, kReset) : std::string(prefix);
  // A file name or a label may hold escape sequences: they are shown, never obeyed.
  const std::string line = fmt::format("{}{}\n", shown, data::visible(message));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

ExitCode print_to_stdout(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) return ExitCode::kOk;
  if (errno == EPIPE) return ExitCode::kOk;
  print_error({ErrorCode::kIo, "stdout", fmt::format("cannot be written: {}", system_error_text(errno))});
  return ExitCode::kIo;
}

void set_message_color(ColorMode mode) { message_color = use_color(mode, STDERR_FILENO); }

std::optional<ColorMode> parse_color_mode(std::string_view word) {
  if (word == "auto") return ColorMode::kAuto;
  if (word == "always") return ColorMode::kAlways;
  if (word == "never") return ColorMode::kNever;
  return std::nullopt;
}

bool is_terminal(int fd) { return ::isatty(fd) == 1; }

std::size_t terminal_width(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

bool is_dumb_terminal() {
  const char* term = std::getenv("TERM");
  return term != nullptr && std::string_view(term) == "dumb";
}

bool use_color(ColorMode mode, int fd) {
  if (mode != ColorMode::kAuto) return mode == ColorMode::kAlways;
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  if (is_dumb_terminal()) return false;
  return is_terminal(fd);
}

void print_error(const Error& error) { print_line("error: ", kRed, error.to_string()); }
void print_warning(std::string_view message) { print_line("warning: ", kYellow, message); }
void print_note(std::string_view message) { print_line("", "", message); }

}  // namespace valence::cli
