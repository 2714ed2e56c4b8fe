#include "valence/data/scripts.h"

#include <utf8proc.h>

#include <algorithm>
#include <array>

#include "valence/base/utf8.h"

namespace valence::data {
namespace {

constexpr std::array<std::string_view, kScripts> kNames = {"none",   "Latin",  "Greek", "Cyrillic", "Armenian",
                                                           "Hebrew", "Arabic", "Indic", "Thai",     "Hangul",
                                                           "Kana",   "Han",    "other"};

struct Block {
  char32_t first;
  char32_t last;
  Script script;
};
constexpr std::array kBlocks = {Block{0x0041, 0x024F, Script::kLatin},    Block{0x0250, 0x02AF, Script::kLatin},
                                Block{0x0370, 0x03FF, Script::kGreek},    Block{0x0400, 0x052F, Script::kCyrillic},
                                Block{0x0530, 0x058F, Script::kArmenian}, Block{0x0590, 0x05FF, Script::kHebrew},
                                Block{0x0600, 0x06FF, Script::kArabic},   Block{0x0750, 0x077F, Script::kArabic},
                                Block{0x0870, 0x08FF, Script::kArabic},   Block{0x0900, 0x0DFF, Script::kIndic},
                                Block{0x0E00, 0x0EFF, Script::kThai},     Block{0x1100, 0x11FF, Script::kHangul},
                                Block{0x1D00, 0x1DBF, Script::kLatin},    Block{0x1E00, 0x1EFF, Script::kLatin},
                                Block{0x1F00, 0x1FFF, Script::kGreek},    Block{0x2C60, 0x2C7F, Script::kLatin},
                                Block{0x3040, 0x30FF, Script::kKana},     Block{0x3130, 0x318F, Script::kHangul},
                                Block{0x31F0, 0x31FF, Script::kKana},     Block{0x3400, 0x4DBF, Script::kHan},
                                Block{0x4E00, 0x9FFF, Script::kHan},      Block{0xA720, 0xA7FF, Script::kLatin},
                                Block{0xAC00, 0xD7AF, Script::kHangul},   Block{0xF900, 0xFAFF, Script::kHan},
                                Block{0xFB1D, 0xFB4F, Script::kHebrew},   Block{0xFB50, 0xFDFF, Script::kArabic},
                                Block{0xFE70, 0xFEFF, Script::kArabic},   Block{0xFF21, 0xFF5A, Script::kLatin},
                                Block{0xFF66, 0xFF9F, Script::kKana},     Block{0x20000, 0x3FFFF, Script::kHan}};

bool is_letter(char32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  const auto category = utf8proc_category(static_cast<utf8proc_int32_t>(c));
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

}  // namespace

std::string_view name_of(Script script) { return kNames[static_cast<std::size_t>(script)]; }

Script script_of(char32_t c) {
  if (!is_letter(c)) return Script::kNone;
  const auto* const block = std::ranges::find_if(
      kBlocks, [c](const Block& candidate) { return c >= candidate.first && c <= candidate.last; });
  return block == kBlocks.end() ? Script::kOther : block->script;
}

Script main_script(std::string_view text) {
  std::array<std::size_t, kScripts> letters{};
  for (std::size_t at = 0; at < text.size();) {
    const DecodedCodePoint c = decode_utf8(text, at);
    ++letters[static_cast<std::size_t>(script_of(c.value))];
    at += c.size_bytes;
  }
  letters[static_cast<std::size_t>(Script::kNone)] = 0;
  auto* const most = std::ranges::max_element(letters);
  if (*most == 0) return Script::kNone;
  const auto script = static_cast<Script>(most - letters.begin());
  const bool has_kana = letters[static_cast<std::size_t>(Script::kKana)] > 0;
  return script == Script::kHan && has_kana ? Script::kKana : script;
}

}  // namespace valence::data
