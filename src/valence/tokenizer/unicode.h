/// \file
/// What Hugging Face tokenizers believe about code points: classes, lower case, normalization.
///
/// Their Rust crates carry Unicode tables of several ages, so the tables here are recorded from the library's behaviour
/// (tools/make_unicode_tables.py). Decompositions, combining classes and compositions come from utf8proc, which is
/// newer: it is asked only about code points that the reference normalizes too. Unicode never changes those once
/// assigned.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace valence::tokenizer {

using CodePointFlags = std::uint8_t;
constexpr CodePointFlags kCleanedAway = 1;  ///< control, format and private-use characters, U+0000, U+FFFD
constexpr CodePointFlags kWhitespace = 2;
constexpr CodePointFlags kPunctuation = 4;     ///< ASCII symbols included, as BERT has it
constexpr CodePointFlags kNonspacingMark = 8;  ///< what strip_accents removes
constexpr CodePointFlags kNormalizes = 16;     ///< has a decomposition or a combining class
constexpr CodePointFlags kHasLowercase = 32;
constexpr CodePointFlags kChinese = 64;  ///< what handle_chinese_chars sets between spaces

constexpr std::size_t kCodePoints = 0x110000;

/// One entry a code point, built on first use; thread-safe.
[[nodiscard]] std::span<const CodePointFlags, kCodePoints> code_point_flags();

[[nodiscard]] inline bool has_flag(char32_t c, CodePointFlags flag) { return (code_point_flags()[c] & flag) != 0; }

/// The classes that only some components ask for.
[[nodiscard]] bool is_combining_mark(char32_t c);  ///< what the StripAccents normalizer removes
[[nodiscard]] bool is_numeric(char32_t c);         ///< Nd, Nl and No, what Digits splits at
[[nodiscard]] bool is_word(char32_t c);            ///< \w of the regular expressions

/// What the regular expressions of pre-tokenizers tell apart: \s, \p{L}, \p{N} and the rest. No two of them overlap.
enum class RegexClass : std::uint8_t { kOther, kSpace, kLetter, kNumber };

/// One entry a code point, built on first use; thread-safe.
[[nodiscard]] std::span<const RegexClass, kCodePoints> regex_classes();

/// A few code points that stand for one. 18 is the longest compatibility decomposition (U+FDFA).
struct CodePoints {
  std::array<char32_t, 18> values;
  std::size_t size = 0;

  [[nodiscard]] const char32_t* begin() const { return values.data(); }
  [[nodiscard]] const char32_t* end() const { return values.data() + size; }
};

[[nodiscard]] CodePoints lowercase(char32_t c);

enum class Decomposition { kCanonical, kCompatible };
[[nodiscard]] CodePoints decompose(char32_t c, Decomposition kind);

/// 0 for starters.
[[nodiscard]] std::uint8_t combining_class(char32_t c);

/// The primary composite of the pair, if there is one.
[[nodiscard]] std::optional<char32_t> compose(char32_t first, char32_t second);

}  // namespace valence::tokenizer
