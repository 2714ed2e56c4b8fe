/// \file
/// The words of a text, for counting and comparing: case, punctuation and white space left out.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace valence::data {

/// Calls `take` with each word of `text`, which must be valid UTF-8, in order: runs of letters, digits and their marks
/// in lower case, an apostrophe inside left out ("don't" is "dont"). A symbol, an emoji say, is a word, and so is each
/// character of scripts written without spaces. The view lives during the call.
void for_each_word(std::string_view text, const std::function<void(std::string_view word)>& take);

/// A text as near-duplicate search sees it.
struct TextSketch {
  /// A number for each word, equal for equal words and on every machine. Words end at white space alone here, so that a
  /// link or "and/or" is one, whatever punctuation is in it.
  std::vector<std::uint32_t> words;
  /// Of all words run together, so that "well,done" is "well done"; 0 where there is none.
  std::uint64_t letters = 0;
};
[[nodiscard]] TextSketch sketch_of(std::string_view text);

/// How many parts white space cuts `text` into; what the "words" of a length are.
[[nodiscard]] std::size_t count_words(std::string_view text);

}  // namespace valence::data
