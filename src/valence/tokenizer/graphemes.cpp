#include "valence/tokenizer/graphemes.h"

#include <utf8proc.h>

namespace valence::tokenizer {

std::size_t grapheme_end(std::span<const NormalizedChar> chars, std::size_t begin) {
  utf8proc_int32_t state = 0;
  std::size_t end = begin + 1;
  while (end < chars.size() &&
         !utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(chars[end - 1].code_point),
                                           static_cast<utf8proc_int32_t>(chars[end].code_point), &state)) {
    ++end;
  }
  return end;
}

}  // namespace valence::tokenizer
