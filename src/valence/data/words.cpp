#include "valence/data/words.h"

#include <utf8proc.h>

#include <array>

#include "valence/base/siphash.h"
#include "valence/base/utf8.h"

namespace valence::data {
namespace {

// Fixed: these hashes decide which rows of a split go together, on every machine alike. What matters is compared word
// by word after.
constexpr SipHashKey kWordKey{.low = 0x76616C656E6365, .high = 0x776F726473};

enum class CharacterKind { kSpace, kPunctuation, kLetter, kAlone, kApostrophe };

bool is_written_without_spaces(char32_t c) {
  return (c >= 0x0E00 && c <= 0x0EFF) ||  // Thai, Lao
         (c >= 0x1000 && c <= 0x109F) ||  // Myanmar
         (c >= 0x1780 && c <= 0x17FF) ||  // Khmer
         (c >= 0x3040 && c <= 0x30FF) ||  // Hiragana, Katakana
         (c >= 0x3400 && c <= 0x9FFF) || (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x20000 && c <= 0x3FFFF);  // Han
}

CharacterKind kind_of(char32_t c) {
  if (c < 0x80) {
    const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_letter) return CharacterKind::kLetter;
    if (c == ' ' || (c >= '\t' && c <= '\r')) return CharacterKind::kSpace;
    return c == '\'' ? CharacterKind::kApostrophe : CharacterKind::kPunctuation;
  }
  if (c == 0x2019) return CharacterKind::kApostrophe;
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return is_written_without_spaces(c) ? CharacterKind::kAlone : CharacterKind::kLetter;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      // Variation selectors and enclosing marks say how a symbol looks, not what it is.
      return (c >= 0xFE00 && c <= 0xFE0F) || (c >= 0x20D0 && c <= 0x20FF) ? CharacterKind::kApostrophe
                                                                          : CharacterKind::kLetter;
    case UTF8PROC_CATEGORY_SO:
      return CharacterKind::kAlone;
    case UTF8PROC_CATEGORY_ZS:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
      return CharacterKind::kSpace;
    default:
      return CharacterKind::kPunctuation;
  }
}

enum class WordEnd { kSpaceAndPunctuation, kSpace };

template <class Take>
void visit_words(std::string_view text, WordEnd word_end, Take take) {
  std::string word;
  const auto end_word = [&] {
    if (!word.empty()) take(std::string_view(word));
    word.clear();
  };
  for (std::size_t at = 0; at < text.size();) {
    const DecodedCodePoint c = decode_utf8(text, at);
    at += c.size_bytes;
    switch (kind_of(c.value)) {
      case CharacterKind::kLetter:
        if (c.value < 0x80) {
          word += static_cast<char>(c.value >= 'A' && c.value <= 'Z' ? c.value - 'A' + 'a' : c.value);
        } else {
          append_utf8(word, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c.value))));
        }
        break;
      case CharacterKind::kAlone:
        end_word();
        append_utf8(word, c.value);
        end_word();
        break;
      case CharacterKind::kApostrophe:
        break;
      case CharacterKind::kPunctuation:
        if (word_end == WordEnd::kSpaceAndPunctuation) end_word();
        break;
      case CharacterKind::kSpace:
        end_word();
        break;
    }
  }
  end_word();
}

}  // namespace

void for_each_word(std::string_view text, const std::function<void(std::string_view word)>& take) {
  visit_words(text, WordEnd::kSpaceAndPunctuation, take);
}

TextSketch sketch_of(std::string_view text) {
  TextSketch sketch;
  thread_local std::string letters;
  letters.clear();
  visit_words(text, WordEnd::kSpace, [&sketch](std::string_view word) {
    sketch.words.push_back(static_cast<std::uint32_t>(siphash64(word, kWordKey)));
    letters += word;
  });
  if (!letters.empty()) sketch.letters = siphash64(letters, kWordKey);
  return sketch;
}

std::size_t count_words(std::string_view text) {
  std::size_t words = 0;
  bool in_word = false;
  for (const char c : text) {
    const bool is_space = c == ' ' || (c >= '\t' && c <= '\r');
    words += !is_space && !in_word ? 1 : 0;
    in_word = !is_space;
  }
  return words;
}

}  // namespace valence::data
