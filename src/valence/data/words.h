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

/// A number for each word, equal for equal words and on every machine.
[[nodiscard]] std::vector<std::uint32_t> word_hashes(std::string_view text);

/// How many parts white space cuts `text` into; what the "words" of a length are.
[[nodiscard]] std::size_t count_words(std::string_view text);

}  // namespace valence::data
