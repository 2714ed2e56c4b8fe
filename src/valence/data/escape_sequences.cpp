#include "valence/data/escape_sequences.h"

#include <charconv>
#include <cstdint>
#include <optional>

#include "valence/base/utf8.h"

namespace valence::data {
namespace {

constexpr std::size_t kUnitBytes = 6;  // \uXXXX

std::optional<char32_t> unit_at(std::string_view text) {
  if (text.size() < kUnitBytes || text[0] != '\\' || text[1] != 'u') return std::nullopt;
  std::uint32_t unit = 0;
  const char* const end = text.data() + kUnitBytes;
  if (std::from_chars(text.data() + 2, end, unit, 16).ptr != end) return std::nullopt;
  return unit;
}

struct Decoded {
  char32_t character;
  std::size_t size_bytes;
};

std::optional<Decoded> escape_at(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  switch (text[1]) {
    case 'n':
      return Decoded{U'\n', 2};
    case 'r':
      return Decoded{U'\r', 2};
    case 't':
      return Decoded{U'\t', 2};
    case '"':
    case '\'':
    case '/':
      return Decoded{static_cast<char32_t>(text[1]), 2};
    default:
      break;
  }
  const auto unit = unit_at(text);
  if (!unit || *unit == 0) return std::nullopt;
  const bool is_high = *unit >= 0xD800 && *unit <= 0xDBFF;
  if (is_high) {
    const auto low = unit_at(text.substr(kUnitBytes));
    if (!low || *low < 0xDC00 || *low > 0xDFFF) return std::nullopt;
    return Decoded{0x10000 + ((*unit - 0xD800) << 10U) + (*low - 0xDC00), 2 * kUnitBytes};
  }
  if (*unit >= 0xDC00 && *unit <= 0xDFFF) return std::nullopt;
  return Decoded{*unit, kUnitBytes};
}

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

bool looks_like_path(std::string_view word) {
  return word.starts_with("\\\\") || word.find(":\\") != std::string_view::npos;
}

}  // namespace

bool append_with_escapes_decoded(std::string& out, std::string_view text) {
  bool found = false;
  for (std::size_t at = 0; at < text.size();) {
    if (is_blank(text[at])) {
      out += text[at++];
      continue;
    }
    std::size_t end = at;
    while (end < text.size() && !is_blank(text[end])) ++end;
    std::string_view word = text.substr(at, end - at);
    at = end;
    if (looks_like_path(word)) {
      out += word;
      continue;
    }
    for (auto slash = word.find('\\'); slash != std::string_view::npos; slash = word.find('\\')) {
      out += word.substr(0, slash);
      word.remove_prefix(slash);
      const auto decoded = escape_at(word);
      if (decoded) {
        found = true;
        append_utf8(out, decoded->character);
      } else {
        out += '\\';
      }
      word.remove_prefix(decoded ? decoded->size_bytes : 1);
    }
    out += word;
  }
  return found;
}

bool has_only_doubled_quotes(std::string_view text) {
  bool has_quotes = false;
  for (std::size_t at = text.find('"'); at != std::string_view::npos; at = text.find('"', at)) {
    std::size_t end = at;
    while (end < text.size() && text[end] == '"') ++end;
    if ((end - at) % 2 != 0) return false;
    has_quotes = true;
    at = end;
  }
  // An empty pair alone says nothing about how the text was saved.
  return has_quotes && text != "\"\"";
}

}  // namespace valence::data
