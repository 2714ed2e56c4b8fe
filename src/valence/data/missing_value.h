/// \file
/// Cells that say "nothing is here" in words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace valence::data {

/// White space alone, "-", or one of the words that exports write for nothing, in any case: null, nan, n/a, na, none,
/// nil, #n/a, <na>. Source of the words: pandas' default na_values, with "-" and "nil".
class MissingValues {
 public:
  /// `more` are further words that mean nothing, in any case.
  explicit MissingValues(std::vector<std::string> more = {});

  [[nodiscard]] bool contains(std::string_view value) const;

 private:
  std::vector<std::string> words_;  // in lower case
};

/// `value` without ASCII white space at its ends.
[[nodiscard]] std::string_view trimmed(std::string_view value);

/// `value` with A to Z in lower case.
[[nodiscard]] std::string ascii_lowercase(std::string_view value);

}  // namespace valence::data
