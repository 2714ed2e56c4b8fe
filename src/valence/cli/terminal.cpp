#include "valence/cli/terminal.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace valence::cli {
namespace {

/// A file name or a label may hold escape sequences: on a terminal they are shown, never obeyed.
std::string visible(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      shown += c == 0x1B ? "␛" : fmt::format("\\x{:02x}", static_cast<unsigned>(c));
    } else {
      shown += c;
    }
  }
  return shown;
}

constexpr std::string_view kRed = "\x1b[1;31m";
constexpr std::string_view kYellow = "\x1b[1;33m";
constexpr std::string_view kReset = "\x1b[0m";

bool message_color = false;  // set once at start-up

void print_line(std::string_view prefix, std::string_view color, std::string_view message) {
  const std::string shown = message_color && !prefix.empty() ? fmt::format("{}{}{}", color, prefix, kReset)
                                                             : std::string(prefix);
  const std::string line = fmt::format("{}{}\n", shown, visible(message));
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace

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

bool use_color(ColorMode mode, int fd) {
  if (mode != ColorMode::kAuto) return mode == ColorMode::kAlways;
  const char* no_color = std::getenv("NO_COLOR");
  if (no_color != nullptr && *no_color != '\0') return false;
  const char* term = std::getenv("TERM");
  if (term != nullptr && std::string_view(term) == "dumb") return false;
  return is_terminal(fd);
}

void print_error(const Error& error) { print_line("error: ", kRed, error.to_string()); }
void print_warning(std::string_view message) { print_line("warning: ", kYellow, message); }
void print_note(std::string_view message) { print_line("", "", message); }

}  // namespace valence::cli
