/// \file
/// What is wrong with a text as it came, and the text put right.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace valence::data {

/// What a text can have. The first ones can be repaired, the others are only told.
enum class TextTrait : std::uint8_t {
  kMojibake,       ///< UTF-8 that was read as windows-1252 (mojibake.h)
  kEscapes,        ///< \n, \u2019 and the like, spelt out (escape_sequences.h)
  kDoubledQuotes,  ///< every quote written twice
  kHtml,           ///< tags or character references (html_text.h)
  kControl,        ///< control characters other than tab and line ends
  kInvisible,      ///< zero-width spaces, byte order marks, soft hyphens, marks of direction
  kNotNfc,         ///< not in Unicode's normalization form C
  kWhitespace,     ///< white space at an end, in a row or of an unusual kind, CR, more than one empty line
  kReplacement,    ///< U+FFFD: something was lost before
  kLineBreak,      ///< more than one line
  kEmoji,          ///< a pictograph of U+1F000 to U+1FBFF
  kNonAscii,       ///< any character beyond ASCII
};
inline constexpr std::size_t kTextTraits = 12;
inline constexpr std::size_t kRepairableTraits = 8;

/// "mojibake", "escapes", "doubled_quotes", "html", "control", "invisible", "not_nfc", "whitespace", ...
[[nodiscard]] std::string_view name_of(TextTrait trait);
[[nodiscard]] std::optional<TextTrait> parse_text_trait(std::string_view name);

/// A set of them.
class TextTraits {
 public:
  constexpr TextTraits() = default;
  [[nodiscard]] static constexpr TextTraits all_repairable() { return TextTraits((1U << kRepairableTraits) - 1); }

  constexpr void add(TextTrait trait) { bits_ |= 1U << static_cast<unsigned>(trait); }
  [[nodiscard]] constexpr bool has(TextTrait trait) const { return (bits_ >> static_cast<unsigned>(trait) & 1U) != 0; }
  [[nodiscard]] constexpr bool empty() const { return bits_ == 0; }
  /// Those that both have.
  [[nodiscard]] constexpr TextTraits operator&(TextTraits other) const { return TextTraits(bits_ & other.bits_); }
  friend constexpr bool operator==(TextTraits, TextTraits) = default;

 private:
  explicit constexpr TextTraits(std::uint32_t bits) : bits_(bits) {}
  std::uint32_t bits_ = 0;
};

/// Repairs `text`, which must be valid UTF-8, of what `wanted` names, in the order of TextTrait: what a repair brings
/// to light is left to the later ones. Gives what the text had: of repairable traits those in `wanted`, the others all,
/// judged before repair. Linear; a text that has none of it is looked at once and not copied. Thread-safe.
TextTraits repair_text(std::string& text, TextTraits wanted);

}  // namespace valence::data
