/// \file
/// What the user's terminal is and can show; messages to stderr.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "valence/cli/exit_code.h"
#include "valence/error.h"

namespace valence::cli {

enum class ColorMode { kAuto, kAlways, kNever };

/// As written after --color: auto always never.
[[nodiscard]] std::optional<ColorMode> parse_color_mode(std::string_view word);

[[nodiscard]] bool is_terminal(int fd);

/// Columns of the terminal behind `fd`; 80 when it does not say.
[[nodiscard]] std::size_t terminal_width(int fd);

/// TERM=dumb: nothing but plain characters.
[[nodiscard]] bool is_dumb_terminal();

/// The rule of CLI.md: --color, then NO_COLOR and TERM=dumb, then whether `fd` is a terminal.
[[nodiscard]] bool use_color(ColorMode mode, int fd);

/// Writes `text` to standard output; a reader that has left is a quiet end, any other failure an error message.
ExitCode print_to_stdout(std::string_view text);

/// How messages on stderr are coloured from now on; call it once, before other threads start.
void set_message_color(ColorMode mode);

/// "error: ..." and "warning: ..." on stderr, control characters made visible.
void print_error(const Error& error);
void print_warning(std::string_view message);
/// A plain line on stderr.
void print_note(std::string_view message);

}  // namespace valence::cli
