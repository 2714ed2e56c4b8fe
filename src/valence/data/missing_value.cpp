#include "valence/data/missing_value.h"

#include <algorithm>

namespace valence::data {
namespace {
constexpr std::string_view kBlank = " \t\r\n\v\f";
}

std::string_view trimmed(std::string_view value) {
  const auto begin = value.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return value.substr(begin, value.find_last_not_of(kBlank) + 1 - begin);
}

std::string ascii_lowercase(std::string_view value) {
  std::string lower(value);
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower;
}

MissingValues::MissingValues(std::vector<std::string> more)
    : words_{"-", "null", "nan", "-nan", "n/a", "na", "none", "nil", "#n/a", "#na", "<na>"} {
  for (const std::string& word : more) words_.push_back(ascii_lowercase(trimmed(word)));
}

bool MissingValues::contains(std::string_view value) const {
  const std::string_view word = trimmed(value);
  if (word.empty()) return true;
  // Nearly all cells are longer than the longest word.
  const bool may_be = std::ranges::any_of(words_, [word](const auto& known) { return known.size() == word.size(); });
  return may_be && std::ranges::find(words_, ascii_lowercase(word)) != words_.end();
}

}  // namespace valence::data
