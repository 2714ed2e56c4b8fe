/// \file
/// The regular expressions of Replace normalizers: alternatives that each match a run of some characters.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/tokenizer/normalized_text.h"

namespace valence::tokenizer {

/// Immutable, thread-safe; linear in the text.
class RunPattern {
 public:
  /// Alternatives between '|', each one character, \s or a [set] of these, then nothing, '+', {n}, {n,} or {n,m}: "
  /// {2,}",
  /// "\s{2,}|[\n\r\t]". Nothing if `regex` (valid UTF-8) is anything else.
  [[nodiscard]] static std::optional<RunPattern> parse(std::string_view regex);

  /// How many characters the first alternative that matches at `at` takes, as many as it can; 0 if none does.
  [[nodiscard]] std::size_t match_at(std::span<const NormalizedChar> chars, std::size_t at) const;

 private:
  struct Run {
    std::u32string characters;
    bool white_space = false;  ///< \s
    std::size_t least = 1;
    std::size_t most = 1;

    [[nodiscard]] bool takes(char32_t c) const;
  };
  class Parser;

  std::vector<Run> alternatives_;
};

}  // namespace valence::tokenizer
