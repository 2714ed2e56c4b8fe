/// \file
/// Taking pieces off the front of a text that is being read.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace valence {

/// Exactly `digits` decimal digits, at most 9; nothing, and `text` as it was, where they are not there.
inline std::optional<int> take_digits(std::string_view& text, std::size_t digits) {
  int value = 0;
  if (text.size() < digits) return std::nullopt;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

/// Whether `c` was there.
inline bool take(std::string_view& text, char c) {
  if (!text.starts_with(c)) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace valence
