#include "valence/cli/label_texts.h"

#include <fmt/format.h>

#include <algorithm>

namespace valence::cli {
namespace {

bool is_ascii_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_beyond_ascii(char c) { return static_cast<unsigned char>(c) >= 0x80; }

/// Two letters in a row make a word of any script; LABEL_ and a number is what transformers calls who has no name.
bool says_something(std::string_view label) {
  constexpr std::string_view kNameless = "LABEL_";
  if (label.starts_with(kNameless)) return false;
  int letters = 0;
  for (const char c : label) {
    letters = is_ascii_letter(c) || is_beyond_ascii(c) ? letters + 1 : 0;
    if (letters == 2) return true;
  }
  return false;
}

}  // namespace

TrainingRows label_texts(std::span<const std::string> labels) {
  TrainingRows rows;
  for (const std::string& label : labels) {
    if (!says_something(label)) continue;
    std::string name = label;
    std::ranges::replace_if(
        name, [](char c) { return c == '_' || c == '-' || c == '/'; }, ' ');
    for (const auto& text : {name, fmt::format("This is {}.", name), fmt::format("This sentence is {}.", name)}) {
      rows.texts.push_back(text);
      rows.labels.push_back(label);
      rows.places.push_back(fmt::format("label \"{}\"", label));
    }
  }
  return rows;
}

}  // namespace valence::cli
