#include "valence/tokenizer/byte_level.h"

#include <string>
#include <utility>
#include <vector>

#include "valence/base/utf8.h"
#include "valence/tokenizer/word_scanner.h"

namespace valence::tokenizer {
namespace {

std::array<char32_t, 256> build_byte_characters() {
  std::array<char32_t, 256> characters{};
  char32_t next = 0x100;
  for (char32_t byte = 0; byte < 256; ++byte) {
    const bool printable =
        (byte >= U'!' && byte <= U'~') || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
    characters[byte] = printable ? byte : next++;
  }
  return characters;
}

}  // namespace

const std::array<char32_t, 256>& byte_characters() {
  static const std::array<char32_t, 256> characters = build_byte_characters();
  return characters;
}

void ByteLevelPreTokenizer::apply(PreTokenizedText& text) const {
  const auto& byte_of = byte_characters();
  std::vector<NormalizedChar> spelled;
  spelled.reserve(text.text.size() + text.pieces.size());
  std::vector<Piece> pieces;
  pieces.reserve(text.pieces.size());
  std::vector<NormalizedChar> spaced;
  std::string encoded;
  // Each byte of a character beyond ASCII becomes such a character itself: a sequence of these would double and double.
  bool grows_too_long = false;
  const auto spell = [&](std::span<const NormalizedChar> chars) {
    const std::size_t begin = spelled.size();
    for (const auto& c : chars) {
      encoded.clear();
      append_utf8(encoded, c.code_point);
      for (const char byte : encoded) spelled.push_back({byte_of[static_cast<unsigned char>(byte)], c.source});
    }
    pieces.push_back({begin, spelled.size()});
    grows_too_long = spelled.size() > text.text.most_chars();
  };
  for (const Piece& piece : text.pieces) {
    if (grows_too_long) break;
    auto chars = text.text.chars().subspan(piece.begin, piece.end - piece.begin);
    if (piece.added_token_id != Piece::kNone) {
      spelled.insert(spelled.end(), chars.begin(), chars.end());
      pieces.push_back({spelled.size() - chars.size(), spelled.size(), piece.added_token_id});
      continue;
    }
    if (options_.add_prefix_space && chars.front().code_point != U' ') {
      spaced.assign(1, {U' ', chars.front().source});
      spaced.insert(spaced.end(), chars.begin(), chars.end());
      chars = spaced;
    }
    if (!options_.pattern) {
      spell(chars);
      continue;
    }
    const ScannedChars scanned(chars);
    for (std::size_t at = 0; at < chars.size();) {
      const std::size_t end = word_end(*options_.pattern, scanned, at);
      spell(chars.subspan(at, end - at));
      at = end;
    }
  }
  if (grows_too_long) {
    text.pieces.clear();
    return text.text.give_up();
  }
  text.text.assign(std::move(spelled));
  text.pieces = std::move(pieces);
}

}  // namespace valence::tokenizer
