/// \file
/// Text from outside on its way to a person's eyes: nothing in it moves the cursor, and its width is known.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace valence::data {

enum class LineEnds { kVisible, kKeep };

/// Appends `text` with control characters made visible (ESC as ␛, the U+2400 block), and with C1 controls, directional
/// overrides and invalid bytes as U+FFFD: they could reorder or hide what stands beside them. kKeep leaves line feeds
/// and tabs alone.
void append_visible(std::string& out, std::string_view text, LineEnds line_ends);

/// `text` so, on one line.
[[nodiscard]] std::string visible(std::string_view text);

/// Columns that `visible` takes on a terminal: wide characters two, combining marks none. It holds no control
/// characters.
[[nodiscard]] std::size_t display_width(std::string_view visible);

/// `text` made visible and, where it is wider than `max_columns`, cut at a character and ended with "…" (`...` without
/// `unicode`). Looks at no more of `text` than it shows.
[[nodiscard]] std::string shown(std::string_view text, std::size_t max_columns, bool unicode = true);

/// A copy of `text` with every byte that is part of no character replaced by U+FFFD.
[[nodiscard]] std::string repaired_utf8(std::string_view text);

/// Rewrites what `json` holds from `begin` on so that a terminal shows it as text: characters that append_visible would
/// change become \u escapes, which leaves the JSON's meaning as it was.
void escape_for_terminal(std::string& json, std::size_t begin);

}  // namespace valence::data
