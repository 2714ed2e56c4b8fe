/// \file
/// What somebody who mistyped a word most likely meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace valence::cli {

/// The member of `words` that `word` most likely meant; empty when none is near. By edit distance.
[[nodiscard]] std::string nearest_word(std::string_view word, const std::vector<std::string>& words);

/// The same as a hint: `did you mean "threads"?`; empty when none is near.
[[nodiscard]] std::string did_you_mean(std::string_view word, const std::vector<std::string>& words);

}  // namespace valence::cli
