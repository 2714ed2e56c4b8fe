#include "valence/tokenizer/pre_tokenizers.h"

#include <algorithm>
#include <utility>

#include "valence/tokenizer/unicode.h"
#include "valence/tokenizer/word_scanner.h"

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

/// `cut(piece, cuts)` appends the cuts of a piece, which cover it; some may be empty.
template <class CutPiece>
void split_by(PreTokenizedText& text, CutPiece cut, SplitBehavior behavior) {
  std::vector<Piece> pieces;
  pieces.reserve(text.pieces.size());
  std::vector<Cut> cuts;
  for (const Piece& piece : text.pieces) {
    if (piece.added_token_id != Piece::kNone) {
      pieces.push_back(piece);
      continue;
    }
    cuts.clear();
    cut(piece, cuts);
    append_cuts(cuts, behavior, pieces);
  }
  std::erase_if(pieces, [](const Piece& piece) { return piece.begin == piece.end; });
  text.pieces = std::move(pieces);
}

template <class IsDelimiter>
void split_at(PreTokenizedText& text, IsDelimiter is_delimiter, SplitBehavior behavior) {
  const auto cut = [&](const Piece& piece, std::vector<Cut>& cuts) {
    cut_at_delimiters(text.text, piece, is_delimiter, cuts);
  };
  split_by(text, cut, behavior);
}

void cut_at_words(const NormalizedText& text, const Piece& piece, WordPattern pattern, std::vector<Cut>& cuts) {
  const ScannedChars scanned(text.chars().subspan(piece.begin, piece.end - piece.begin));
  for (std::size_t at = 0; at < scanned.end();) {
    const std::size_t end = word_end(pattern, scanned, at);
    cuts.push_back({piece.begin + at, piece.begin + end, true});
    at = end;
  }
}

void cut_at_literal(const NormalizedText& text, const Piece& piece, const LiteralSearch& literal,
                    std::vector<Cut>& cuts) {
  std::size_t cut_until = piece.begin;
  std::size_t matched = 0;
  for (std::size_t i = piece.begin; i < piece.end; ++i) {
    if (!literal.ends_at(text.chars()[i].code_point, matched)) continue;
    const std::size_t begin = i + 1 - literal.size();
    if (begin > cut_until) cuts.push_back({cut_until, begin, false});
    cuts.push_back({begin, i + 1, true});
    cut_until = i + 1;
  }
  if (cut_until < piece.end) cuts.push_back({cut_until, piece.end, false});
}

Status cut_at_regex(const NormalizedText& text, const Piece& piece, const Regex& regex, std::vector<Cut>& cuts) {
  std::u32string characters;
  characters.reserve(piece.end - piece.begin);
  for (std::size_t i = piece.begin; i < piece.end; ++i) characters += text.chars()[i].code_point;
  const std::size_t size = characters.size();
  VALENCE_TRY(const auto matches, regex.find_all(std::move(characters)));
  std::size_t cut_until = 0;
  const auto add = [&](std::size_t begin, std::size_t end, bool is_delimiter) {
    cuts.push_back({piece.begin + begin, piece.begin + end, is_delimiter});
    cut_until = end;
  };
  for (const RegexMatch& match : matches) {
    if (match.begin > cut_until) add(cut_until, match.begin, false);
    add(match.begin, match.end, true);
  }
  if (cut_until < size) add(cut_until, size, false);
  return {};
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

void SplitPreTokenizer::apply(PreTokenizedText& text) const {
  const auto cut = [&](const Piece& piece, std::vector<Cut>& cuts) {
    if (const auto* words = std::get_if<WordPattern>(&pattern_)) {
      cut_at_words(text.text, piece, *words, cuts);
    } else if (const auto* regex = std::get_if<Regex>(&pattern_)) {
      if (text.failure) return;
      if (Status cutting = cut_at_regex(text.text, piece, *regex, cuts); !cutting) text.failure = cutting.error();
    } else {
      cut_at_literal(text.text, piece, std::get<LiteralSearch>(pattern_), cuts);
    }
    if (options_.invert) {
      for (Cut& each : cuts) each.is_delimiter = !each.is_delimiter;
    }
  };
  split_by(text, cut, options_.behavior);
}

std::optional<WordPattern> SplitPreTokenizer::words_isolated() const {
  const auto* words = std::get_if<WordPattern>(&pattern_);
  const bool keeps_matches = options_.behavior == SplitBehavior::kIsolated ||
                             (options_.behavior == SplitBehavior::kRemoved && options_.invert);
  return words != nullptr && keeps_matches ? std::optional(*words) : std::nullopt;
}

void FixedLengthPreTokenizer::apply(PreTokenizedText& text) const {
  const auto cut = [this](const Piece& piece, std::vector<Cut>& cuts) {
    for (std::size_t at = piece.begin; at < piece.end;) {
      const std::size_t end = at + std::min(length_, piece.end - at);
      cuts.push_back({at, end, true});
      at = end;
    }
  };
  split_by(text, cut, SplitBehavior::kIsolated);
}

void PreTokenizerSequence::apply(PreTokenizedText& text) const {
  for (const auto& step : steps_) step->apply(text);
}

}  // namespace valence::tokenizer
