/// \file
/// Regular expressions of tokenizer.json that nobody has written by hand (word_patterns.h), run by PCRE2.
///
/// The reference runs them with Oniguruma in Ruby's syntax. What the two understand differently is rewritten or refused
/// by name, so that an expression that compiles here means the same there. Characters that are younger than PCRE2's
/// Unicode (14) are matched as an older one of the same general category,
/// and script where that is a widespread one.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"

namespace valence::tokenizer {

/// Characters [begin, end) of a text; may be empty.
struct RegexMatch {
  std::size_t begin;
  std::size_t end;

  friend bool operator==(const RegexMatch&, const RegexMatch&) = default;
};

/// Immutable, thread-safe; copies share the compiled form.
class Regex {
 public:
  /// `pattern` is valid UTF-8; `where` is how errors name it. kUnsupported with the reason for what cannot be taken
  /// over.
  static Result<Regex> compile(std::string_view pattern, const std::string& where);

  /// The matches from left to right, none overlapping; an empty one never where the last one ended. kInvalidData if one
  /// match takes more than a million steps.
  [[nodiscard]] Result<std::vector<RegexMatch>> find_all(std::u32string text) const;

 private:
  struct Code;
  explicit Regex(std::shared_ptr<const Code> code) : code_(std::move(code)) {}

  std::shared_ptr<const Code> code_;
};

/// `pattern` in PCRE2's syntax; the error's `what` says what there is no equal for. For Regex::compile and its test.
Result<std::string> to_pcre2_syntax(std::string_view pattern, const std::string& where);

}  // namespace valence::tokenizer
