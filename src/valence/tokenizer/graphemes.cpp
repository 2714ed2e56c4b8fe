#include "valence/tokenizer/graphemes.h"

#include <utf8proc.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace valence::tokenizer {
namespace {

// Marks of Unicode 16 and 17, which utf8proc 2.8 (Unicode 15) takes for characters of their own. They are those that
// Precompiled of PyPI tokenizers 0.23.3 replaces together with a mapped letter before them, each scalar asked by
// itself.
constexpr std::pair<char32_t, char32_t> kYoungMarks[] = {
    {0x897, 0x897},     {0x1ACF, 0x1ADD},   {0x1AE0, 0x1AEB},   {0x10D69, 0x10D6D}, {0x10EFA, 0x10EFC},
    {0x113B8, 0x113C0}, {0x113C2, 0x113C2}, {0x113C5, 0x113C5}, {0x113C7, 0x113CA}, {0x113CC, 0x113D0},
    {0x113D2, 0x113D2}, {0x113E1, 0x113E2}, {0x11B60, 0x11B67}, {0x11F5A, 0x11F5A}, {0x1611E, 0x1612F},
    {0x1E5EE, 0x1E5EF}, {0x1E6E3, 0x1E6E3}, {0x1E6E6, 0x1E6E6}, {0x1E6EE, 0x1E6EF}, {0x1E6F5, 0x1E6F5},
};

/// What utf8proc is asked about: a mark that it knows stands in for one that it does not.
utf8proc_int32_t known_to_utf8proc(char32_t c) {
  constexpr utf8proc_int32_t kCombiningGrave = 0x300;
  const auto* const range =
      std::lower_bound(std::begin(kYoungMarks), std::end(kYoungMarks), c,
                       [](const auto& candidate, char32_t value) { return candidate.second < value; });
  if (range != std::end(kYoungMarks) && range->first <= c) return kCombiningGrave;
  return static_cast<utf8proc_int32_t>(c);
}

}  // namespace

std::size_t grapheme_end(std::span<const NormalizedChar> chars, std::size_t begin) {
  utf8proc_int32_t state = 0;
  std::size_t end = begin + 1;
  while (end < chars.size() && !utf8proc_grapheme_break_stateful(known_to_utf8proc(chars[end - 1].code_point),
                                                                 known_to_utf8proc(chars[end].code_point), &state)) {
    ++end;
  }
  return end;
}

}  // namespace valence::tokenizer
