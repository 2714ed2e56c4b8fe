/// \file
/// Words that hold sentences together and say nothing of what they are about.
#pragma once

#include <string_view>

namespace valence::store {

/// Articles, pronouns, prepositions, conjunctions and auxiliaries of English, as data::for_each_word gives them. Not
/// negations: "not" and "never" tell complaints from praise.
[[nodiscard]] bool is_function_word(std::string_view word);

}  // namespace valence::store
