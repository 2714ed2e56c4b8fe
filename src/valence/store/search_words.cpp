#include "valence/store/search_words.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "valence/base/utf8.h"
#include "valence/data/words.h"

namespace valence::store {
namespace {

/// Appends `word` in canonical decomposition without the marks of U+0300 to U+036F. Only those: vowel signs of Indic
/// scripts are marks as well, and words without them are other words.
void append_without_accents(std::string& out, std::string_view word) {
  const bool is_ascii = std::ranges::all_of(word, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
  if (is_ascii) {
    out += word;
    return;
  }
  constexpr auto kMostParts = 32;  // of one character's full decomposition: 18 is the most in Unicode
  for (std::size_t at = 0; at < word.size();) {
    const auto [value, size_bytes] = decode_utf8(word, at);
    at += size_bytes;
    std::array<utf8proc_int32_t, kMostParts> parts{};
    int last_boundclass = 0;
    const auto count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(value), parts.data(), kMostParts,
                                               static_cast<utf8proc_option_t>(UTF8PROC_DECOMPOSE), &last_boundclass);
    for (utf8proc_ssize_t i = 0; i < std::min<utf8proc_ssize_t>(count, kMostParts); ++i) {
      const auto part = static_cast<char32_t>(parts[static_cast<std::size_t>(i)]);
      if (part < 0x300 || part > 0x36F) append_utf8(out, part);
    }
  }
}

/// Words of `text` in that form, in order, those that have anything left.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  data::for_each_word(text, [&](std::string_view word) {
    std::string plain;
    append_without_accents(plain, word);
    if (!plain.empty()) words.push_back(std::move(plain));
  });
  return words;
}

}  // namespace

std::string search_words(std::string_view text) {
  std::vector<std::string> words = words_of(text);
  std::ranges::sort(words);
  words.erase(std::unique(words.begin(), words.end()), words.end());
  std::string joined;
  for (const std::string& word : words) {
    if (!joined.empty()) joined += ' ';
    joined += word;
  }
  return joined;
}

std::vector<SearchTerm> search_terms(std::string_view question) {
  std::vector<SearchTerm> terms;
  while (!question.empty() && terms.size() < kMaxSearchTerms) {
    const auto end = question.find_first_of(" \t\r\n");
    const std::string_view part = question.substr(0, end);
    question.remove_prefix(end == question.npos ? question.size() : end + 1);
    const std::vector<std::string> words = words_of(part);
    for (std::size_t i = 0; i < words.size() && terms.size() < kMaxSearchTerms; ++i) {
      terms.push_back({words[i], i + 1 == words.size() && part.ends_with('*')});
    }
  }
  return terms;
}

}  // namespace valence::store
