#include "valence/tokenizer/pre_tokenizers.h"

#include <algorithm>
#include <utility>

#include "valence/tokenizer/unicode.h"

namespace valence::tokenizer {
namespace {

struct Cut {
  std::size_t begin;
  std::size_t end;
  bool is_delimiter;
};

/// Every delimiter by itself, what stands between two of them as one.
template <class IsDelimiter>
void cut_at_delimiters(const NormalizedText& text, const Piece& piece, IsDelimiter is_delimiter,
                       std::vector<Cut>& cuts) {
  cuts.clear();
  for (std::size_t i = piece.begin; i < piece.end; ++i) {
    const bool delimiter = is_delimiter(text.chars()[i].code_point);
    if (!delimiter && !cuts.empty() && !cuts.back().is_delimiter) {
      cuts.back().end = i + 1;
    } else {
      cuts.push_back({i, i + 1, delimiter});
    }
  }
}

void append_cuts(const std::vector<Cut>& cuts, SplitBehavior behavior, std::vector<Piece>& pieces) {
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    const Cut& cut = cuts[i];
    const bool has_previous = i > 0;
    switch (behavior) {
      case SplitBehavior::kRemoved:
        if (!cut.is_delimiter) pieces.push_back({cut.begin, cut.end});
        break;
      case SplitBehavior::kIsolated:
        pieces.push_back({cut.begin, cut.end});
        break;
      case SplitBehavior::kContiguous:
        if (has_previous && cuts[i - 1].is_delimiter == cut.is_delimiter) {
          pieces.back().end = cut.end;
        } else {
          pieces.push_back({cut.begin, cut.end});
        }
        break;
      case SplitBehavior::kMergedWithPrevious:
        if (has_previous && cut.is_delimiter && !cuts[i - 1].is_delimiter) {
          pieces.back().end = cut.end;
        } else {
          pieces.push_back({cut.begin, cut.end});
        }
        break;
      case SplitBehavior::kMergedWithNext:
        if (has_previous && !cut.is_delimiter && cuts[i - 1].is_delimiter) {
          pieces.back().end = cut.end;
        } else {
          pieces.push_back({cut.begin, cut.end});
        }
        break;
    }
  }
}

template <class IsDelimiter>
void split_at(PreTokenizedText& text, IsDelimiter is_delimiter, SplitBehavior behavior) {
  std::vector<Piece> pieces;
  pieces.reserve(text.pieces.size());
  std::vector<Cut> cuts;
  for (const Piece& piece : text.pieces) {
    if (piece.added_token_id != Piece::kNone) {
      pieces.push_back(piece);
      continue;
    }
    cut_at_delimiters(text.text, piece, is_delimiter, cuts);
    append_cuts(cuts, behavior, pieces);
  }
  text.pieces = std::move(pieces);
}

bool is_whitespace(char32_t c) { return has_flag(c, kWhitespace); }
bool is_punctuation(char32_t c) { return has_flag(c, kPunctuation); }

}  // namespace

void BertPreTokenizer::apply(PreTokenizedText& text) const {
  split_at(text, is_whitespace, SplitBehavior::kRemoved);
  split_at(text, is_punctuation, SplitBehavior::kIsolated);
}

void WhitespaceSplit::apply(PreTokenizedText& text) const { split_at(text, is_whitespace, SplitBehavior::kRemoved); }

void WhitespacePreTokenizer::apply(PreTokenizedText& text) const {
  split_at(text, is_whitespace, SplitBehavior::kRemoved);
  split_at(text, is_word, SplitBehavior::kContiguous);
}

void PunctuationPreTokenizer::apply(PreTokenizedText& text) const { split_at(text, is_punctuation, behavior_); }

void DigitsPreTokenizer::apply(PreTokenizedText& text) const {
  split_at(text, is_numeric, individual_digits_ ? SplitBehavior::kIsolated : SplitBehavior::kContiguous);
}

void PreTokenizerSequence::apply(PreTokenizedText& text) const {
  for (const auto& step : steps_) step->apply(text);
}

}  // namespace valence::tokenizer
