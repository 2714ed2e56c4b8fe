#include "valence/tokenizer/space_trim.h"

#include <algorithm>

#include "valence/base/utf8.h"
#include "valence/tokenizer/byte_level.h"
#include "valence/tokenizer/unicode.h"

namespace valence::tokenizer {
namespace {

bool is_space(char32_t c) { return c == kByteLevelSpace || has_flag(c, kWhitespace); }

bool is_continuation_byte(char byte) { return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U; }

std::uint32_t start_of_character_before(std::string_view text, std::uint32_t end) {
  --end;
  while (end > 0 && is_continuation_byte(text[end])) --end;
  return end;
}

}  // namespace

EdgeSpaces edge_spaces(std::string_view token) {
  EdgeSpaces spaces;
  for (std::size_t at = 0; at < token.size();) {
    const auto [code_point, size_bytes] = decode_utf8(token, at);
    if (!is_space(code_point)) break;
    ++spaces.leading;
    at += size_bytes;
  }
  for (auto end = static_cast<std::uint32_t>(token.size()); end > 0;) {
    end = start_of_character_before(token, end);
    if (!is_space(decode_utf8(token, end).value)) break;
    ++spaces.trailing;
  }
  return spaces;
}

ByteSpan SpaceTrim::apply(std::string_view text, ByteSpan source, EdgeSpaces spaces, bool first) const {
  auto [begin, end] = source;
  std::uint32_t leading = spaces.leading;
  if (leading == 1 && add_prefix_space && (first || begin == 0)) leading = 0;
  for (; leading > 0 && begin < end; --leading) begin += decode_utf8(text, begin).size_bytes;
  if (spaces.trailing == 0) return {begin, end};
  std::uint32_t trimmed = end;
  std::uint32_t left = spaces.trailing;
  for (; left > 0 && trimmed > 0; --left) trimmed = start_of_character_before(text, trimmed);
  if (left > 0) return {begin, end};  // the text before the token's end is shorter than that
  return {begin, std::max(trimmed, begin)};
}

}  // namespace valence::tokenizer
