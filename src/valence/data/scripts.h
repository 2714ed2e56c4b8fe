/// \file
/// Which script a text is written in.
#pragma once

#include <cstdint>
#include <string_view>

namespace valence::data {

enum class Script : std::uint8_t {
  kNone,  ///< no letter at all
  kLatin,
  kGreek,
  kCyrillic,
  kArmenian,
  kHebrew,
  kArabic,
  kIndic,  ///< Devanagari to Malayalam and Sinhala
  kThai,   ///< and Lao
  kHangul,
  kKana,
  kHan,
  kOther,
};
inline constexpr std::size_t kScripts = 13;

[[nodiscard]] std::string_view name_of(Script script);

/// By Unicode's blocks (Unicode 15, Blocks.txt): good enough to tell texts apart. kNone for what is no letter.
[[nodiscard]] Script script_of(char32_t c);

/// The one that most letters of `text` have; Kana where there is any beside Han. `text` must be valid UTF-8.
[[nodiscard]] Script main_script(std::string_view text);

}  // namespace valence::data
