#include "valence/data/shown_text.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>

#include "valence/base/utf8.h"

namespace valence::data {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

bool is_directional(char32_t c) {
  return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

char32_t visible_form(char32_t c) {
  constexpr char32_t kControlPictures = 0x2400;
  if (c < 0x20) return kControlPictures + c;
  if (c == 0x7F) return 0x2421;  // SYMBOL FOR DELETE
  if ((c >= 0x80 && c < 0xA0) || is_directional(c) || c == 0x2028 || c == 0x2029) return kReplacement;
  return c;
}

/// Calls `see(code point)` for each character of `text`, U+FFFD for an invalid byte, until it returns false.
template <class See>
void for_each_character(std::string_view text, See see) {
  while (!text.empty()) {
    // Four bytes hold any character; the rest need not be valid.
    const auto front = text.substr(0, 4);
    const auto invalid = find_invalid_utf8(front);
    const bool is_valid = !invalid || *invalid > 0;
    const DecodedCodePoint decoded = is_valid ? decode_utf8(front, 0) : DecodedCodePoint{kReplacement, 1};
    if (!see(decoded.value)) return;
    text.remove_prefix(decoded.size_bytes);
  }
}

std::size_t width_of(char32_t c) {
  const int width = ::utf8proc_charwidth(static_cast<utf8proc_int32_t>(c));
  return width > 0 ? static_cast<std::size_t>(width) : 0;
}

bool is_plain_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

}  // namespace

void append_visible(std::string& out, std::string_view text, LineEnds line_ends) {
  if (is_plain_ascii(text)) {
    out += text;
    return;
  }
  for_each_character(text, [&](char32_t c) {
    const bool is_kept = line_ends == LineEnds::kKeep && (c == '\n' || c == '\t');
    append_utf8(out, is_kept ? c : visible_form(c));
    return true;
  });
}

std::string visible(std::string_view text) {
  std::string shown;
  append_visible(shown, text, LineEnds::kVisible);
  return shown;
}

std::size_t display_width(std::string_view visible) {
  std::size_t width = 0;
  for_each_character(visible, [&](char32_t c) {
    width += width_of(c);
    return true;
  });
  return width;
}

std::string shown(std::string_view text, std::size_t max_columns, bool unicode) {
  const std::string_view ellipsis = unicode ? "…" : "...";
  const std::size_t ellipsis_width = std::min<std::size_t>(unicode ? 1 : 3, max_columns);
  std::string out;
  std::size_t width = 0;
  std::size_t cut_at = 0;  // where the ellipsis would go
  bool is_cut = false;
  for_each_character(text, [&](char32_t c) {
    const char32_t visible = visible_form(c);
    const std::size_t added = width_of(visible);
    if (width + ellipsis_width <= max_columns) cut_at = out.size();
    // Marks without width could pile up on one character without end.
    is_cut = width + added > max_columns || out.size() > 16 * (max_columns + 1);
    if (is_cut) return false;
    append_utf8(out, visible);
    width += added;
    return true;
  });
  if (is_cut) {
    out.resize(cut_at);
    out += ellipsis.substr(0, unicode && ellipsis_width == 1 ? ellipsis.size() : ellipsis_width);
  }
  return out;
}

std::string repaired_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (const auto invalid = find_invalid_utf8(text)) {
    out += text.substr(0, *invalid);
    append_utf8(out, kReplacement);
    text.remove_prefix(*invalid + 1);
  }
  out += text;
  return out;
}

void escape_for_terminal(std::string& json, std::size_t begin) {
  const std::string_view written = std::string_view(json).substr(begin);
  if (is_plain_ascii(written)) return;
  std::string escaped;
  for_each_character(written, [&](char32_t c) {
    if (c == '\n' || visible_form(c) == c) {
      append_utf8(escaped, c);
    } else {
      fmt::format_to(std::back_inserter(escaped), "\\u{:04x}", static_cast<std::uint32_t>(c));  // all are below U+10000
    }
    return true;
  });
  json.replace(begin, std::string::npos, escaped);
}

}  // namespace valence::data
