#include "valence/tokenizer/metaspace.h"

#include <utility>
#include <vector>

namespace valence::tokenizer {

void MetaspacePreTokenizer::apply(PreTokenizedText& text) const {
  std::vector<NormalizedChar> spelled;
  spelled.reserve(text.text.size() + text.pieces.size());
  std::vector<Piece> pieces;
  pieces.reserve(text.pieces.size());
  for (const Piece& piece : text.pieces) {
    const auto chars = text.text.chars().subspan(piece.begin, piece.end - piece.begin);
    std::size_t word_begin = spelled.size();
    if (piece.added_token_id != Piece::kNone) {
      spelled.insert(spelled.end(), chars.begin(), chars.end());
      pieces.push_back({word_begin, spelled.size(), piece.added_token_id});
      continue;
    }
    const NormalizedChar& first = chars.front();
    const bool wanted = options_.prepend_scheme == PrependScheme::kAlways ||
                        (options_.prepend_scheme == PrependScheme::kFirst && first.source.begin == 0);
    const bool present = first.code_point == options_.replacement || first.code_point == U' ';
    if (wanted && !present) spelled.push_back({options_.replacement, first.source});
    for (std::size_t i = 0; i < chars.size(); ++i) {
      const char32_t c = chars[i].code_point == U' ' ? options_.replacement : chars[i].code_point;
      if (options_.split && i > 0 && c == options_.replacement) {
        pieces.push_back({word_begin, spelled.size()});
        word_begin = spelled.size();
      }
      spelled.push_back({c, chars[i].source});
    }
    pieces.push_back({word_begin, spelled.size()});
  }
  text.text.assign(std::move(spelled));
  text.pieces = std::move(pieces);
}

}  // namespace valence::tokenizer
