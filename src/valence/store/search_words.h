/// \file
/// Texts and questions as words that can be compared, the same for every database.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace valence::store {

/// The words of `text` (data/words.h) without accents (é is e; U+0300 to U+036F go), each once, separated by spaces.
/// `text` must be valid UTF-8.
[[nodiscard]] std::string search_words(std::string_view text);

struct SearchTerm {
  std::string word;
  bool is_prefix = false;

  friend bool operator==(const SearchTerm&, const SearchTerm&) = default;
};

/// What `question` looks for: its words in the same form, those that end with '*' as beginnings. Empty when no word is
/// in it. At most kMaxSearchTerms; the rest is left out.
inline constexpr std::size_t kMaxSearchTerms = 32;
[[nodiscard]] std::vector<SearchTerm> search_terms(std::string_view question);

}  // namespace valence::store
