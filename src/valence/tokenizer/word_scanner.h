/// \file
/// Cuts a text into the matches of a WordPattern, each pattern by a scanner written by hand.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>
#include <string_view>

#include "valence/base/utf8.h"
#include "valence/tokenizer/normalized_text.h"
#include "valence/tokenizer/unicode.h"
#include "valence/tokenizer/word_patterns.h"

namespace valence::tokenizer {

/// One character of a text and where the next begins.
struct ScannedChar {
  char32_t code_point;
  RegexClass regex_class;
  std::size_t next;
};

/// What a scanner reads: positions from somewhere up to end(), which need not be consecutive.
template <class Text>
concept ScannableText = requires(const Text& text, std::size_t at) {
  { text.end() } -> std::same_as<std::size_t>;
  { text.at(at) } -> std::same_as<ScannedChar>;
};

namespace scan {

constexpr char32_t kLongS = 0x17F;  // folds to 's', the only letter beyond ASCII that (?i) lets into a contraction

inline char32_t ascii_lower(char32_t c) { return c >= U'A' && c <= U'Z' ? c + 32 : c; }

template <ScannableText Text>
std::size_t run_of(RegexClass regex_class, const Text& text, std::size_t at) {
  while (at < text.end()) {
    const ScannedChar c = text.at(at);
    if (c.regex_class != regex_class) break;
    at = c.next;
  }
  return at;
}

/// After an apostrophe, at `at`: 's 't 'm 'd 're 've 'll. Returns `at` if it is none.
template <ScannableText Text>
std::size_t contraction_end(const Text& text, std::size_t at, bool any_case) {
  const auto letter = [&](const ScannedChar& c) {
    if (!any_case) return c.code_point;
    return c.code_point == kLongS ? U's' : ascii_lower(c.code_point);
  };
  if (at == text.end()) return at;
  const ScannedChar first = text.at(at);
  const char32_t one = letter(first);
  if (one == U's' || one == U't' || one == U'm' || one == U'd') return first.next;
  if ((one != U'r' && one != U'v' && one != U'l') || first.next == text.end()) return at;
  const ScannedChar second = text.at(first.next);
  return letter(second) == (one == U'l' ? U'l' : U'e') ? second.next : at;
}

/// `\s+(?!\S)|\s+` from the white space at `at` on: all of it at the end of the text; before a word all but the last
/// character, which the word may want; but one at least.
template <ScannableText Text>
std::size_t space_end(const Text& text, std::size_t at) {
  std::size_t last = at;
  std::size_t end = text.at(at).next;
  while (end < text.end()) {
    const ScannedChar c = text.at(end);
    if (c.regex_class != RegexClass::kSpace) return last == at ? end : last;
    last = end;
    end = c.next;
  }
  return end;
}

/// 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
template <ScannableText Text>
std::size_t gpt2_word_end(const Text& text, std::size_t at) {
  ScannedChar c = text.at(at);
  if (c.code_point == U'\'') {
    if (const std::size_t end = contraction_end(text, c.next, false); end != c.next) return end;
  } else if (c.regex_class == RegexClass::kSpace) {
    if (c.code_point != U' ' || c.next == text.end()) return space_end(text, at);
    const ScannedChar after = text.at(c.next);
    if (after.regex_class == RegexClass::kSpace) return space_end(text, at);
    c = after;
  }
  return run_of(c.regex_class, text, c.next);
}

inline bool is_newline(char32_t c) { return c == U'\r' || c == U'\n'; }

/// `\s*[\r\n]+`: up to the last newline of the white space that begins at `at`. Returns `at` if it holds none.
template <ScannableText Text>
std::size_t newlines_end(const Text& text, std::size_t at) {
  std::size_t end = at;
  while (at < text.end()) {
    const ScannedChar c = text.at(at);
    if (c.regex_class != RegexClass::kSpace) break;
    at = c.next;
    if (is_newline(c.code_point)) end = at;
  }
  return end;
}

/// (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
template <ScannableText Text>
std::size_t gpt4_word_end(const Text& text, std::size_t at, int longest_number) {
  const ScannedChar c = text.at(at);
  if (c.code_point == U'\'') {
    if (const std::size_t end = contraction_end(text, c.next, true); end != c.next) return end;
  }
  if (c.regex_class == RegexClass::kLetter) return run_of(RegexClass::kLetter, text, c.next);
  if (c.regex_class == RegexClass::kNumber) {
    std::size_t end = c.next;
    for (int length = 1; length < longest_number && end < text.end(); ++length) {
      const ScannedChar digit = text.at(end);
      if (digit.regex_class != RegexClass::kNumber) break;
      end = digit.next;
    }
    return end;
  }
  if (c.next < text.end() && !is_newline(c.code_point)) {
    const ScannedChar after = text.at(c.next);
    if (after.regex_class == RegexClass::kLetter) return run_of(RegexClass::kLetter, text, after.next);
  }
  const bool spaced_symbol =
      c.code_point == U' ' && c.next < text.end() && text.at(c.next).regex_class == RegexClass::kOther;
  if (c.regex_class == RegexClass::kOther || spaced_symbol) {
    std::size_t end = run_of(RegexClass::kOther, text, c.next);
    while (end < text.end() && is_newline(text.at(end).code_point)) end = text.at(end).next;
    return end;
  }
  const std::size_t end = newlines_end(text, at);
  return end != at ? end : space_end(text, at);
}

}  // namespace scan

/// Where the word that begins at `at` < end() ends. All words of a text together take linear time.
template <ScannableText Text>
[[nodiscard]] std::size_t word_end(WordPattern pattern, const Text& text, std::size_t at) {
  switch (pattern) {
    case WordPattern::kGpt2:
      return scan::gpt2_word_end(text, at);
    case WordPattern::kGpt4:
      return scan::gpt4_word_end(text, at, 3);
    case WordPattern::kQwen2:
      return scan::gpt4_word_end(text, at, 1);
  }
  return text.end();
}

/// Positions are characters. A view.
class ScannedChars {
 public:
  explicit ScannedChars(std::span<const NormalizedChar> chars) : chars_(chars), classes_(regex_classes()) {}
  [[nodiscard]] std::size_t end() const { return chars_.size(); }
  [[nodiscard]] ScannedChar at(std::size_t at) const {
    const char32_t c = chars_[at].code_point;
    return {c, classes_[c], at + 1};
  }

 private:
  std::span<const NormalizedChar> chars_;
  std::span<const RegexClass, kCodePoints> classes_;
};

/// Positions are bytes. `text` is valid UTF-8. A view.
class ScannedUtf8 {
 public:
  explicit ScannedUtf8(std::string_view text) : text_(text), classes_(regex_classes()) {}
  [[nodiscard]] std::size_t end() const { return text_.size(); }
  [[nodiscard]] ScannedChar at(std::size_t at) const {
    const auto byte = static_cast<unsigned char>(text_[at]);
    if (byte < 0x80) return {byte, classes_[byte], at + 1};
    const auto [code_point, size_bytes] = decode_utf8(text_, at);
    return {code_point, classes_[code_point], at + size_bytes};
  }

 private:
  std::string_view text_;
  std::span<const RegexClass, kCodePoints> classes_;
};

}  // namespace valence::tokenizer
