#include "valence/tokenizer/precompiled.h"

#include <string>
#include <string_view>
#include <vector>

#include "valence/base/utf8.h"
#include "valence/tokenizer/graphemes.h"

namespace valence::tokenizer {
namespace {

using Edit = NormalizedText::Edit;

constexpr std::size_t kShortGraphemeBytes = 6;  // from here on characters are looked up one by one

/// `old_count` characters become `replacement`.
void replace(std::size_t old_count, std::string_view replacement, std::vector<Edit>& edits) {
  std::size_t added = 0;
  for (std::size_t i = 0; i < replacement.size(); ++added) {
    const auto [code_point, size_bytes] = decode_utf8(replacement, i);
    edits.push_back({code_point, added < old_count ? 0 : 1});
    i += size_bytes;
  }
  if (added < old_count && !edits.empty()) edits.back().change -= static_cast<std::int32_t>(old_count - added);
}

}  // namespace

void Precompiled::apply(NormalizedText& text) const {
  const auto chars = text.chars();
  std::vector<Edit> edits;
  edits.reserve(chars.size());
  bool modified = false;
  bool grows_too_long = false;
  std::string bytes;
  const auto replace_if_found = [&](std::size_t begin, std::size_t end) {
    bytes.clear();
    text.append_utf8_of(begin, end, bytes);
    const auto replacement = bytes.size() < kShortGraphemeBytes ? map_.find(bytes) : std::nullopt;
    if (!replacement) return false;
    grows_too_long = edits.size() + replacement->size() > text.most_chars();
    if (grows_too_long) return true;
    replace(end - begin, *replacement, edits);
    modified = true;
    return true;
  };
  for (std::size_t at = 0; at < chars.size() && !grows_too_long;) {
    const char32_t c = chars[at].code_point;
    const bool ascii_alone = c < 0x80 && (at + 1 == chars.size() || (chars[at + 1].code_point < 0x80 && (c != U'\r')));
    if (ascii_alone) {
      if (const auto replacement = map_.find_ascii(c)) {
        grows_too_long = edits.size() + replacement->size() > text.most_chars();
        if (grows_too_long) break;
        replace(1, *replacement, edits);
        modified = true;
      } else {
        edits.push_back({c, 0});
      }
      ++at;
      continue;
    }
    const std::size_t end = grapheme_end(chars, at);
    if (!replace_if_found(at, end)) {
      for (std::size_t i = at; i < end && !grows_too_long; ++i) {
        if (!replace_if_found(i, i + 1)) edits.push_back({chars[i].code_point, 0});
      }
    }
    at = end;
  }
  if (grows_too_long) return text.give_up();
  if (modified) text.transform(edits);
}

}  // namespace valence::tokenizer
