/// \file
/// BertNormalizer, BertPreTokenizer and WordPiece in one pass over the bytes: what nearly every BERT tokenizer is.
///
/// The result is that of the three stages one after the other (bert_fast_path_test compares them); no normalized text
/// and no list of words is built. Measured on IMDB reviews with bert-base-uncased: 97 MB/s against 23 by stages.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "valence/tokenizer/normalizers.h"
#include "valence/tokenizer/token_sink.h"
#include "valence/tokenizer/wordpiece.h"

namespace valence::tokenizer {

class BertFastPath {
 public:
  /// `model` must outlive this object.
  BertFastPath(const BertNormalizerOptions& options, const WordPiece& model);

  /// Appends the tokens of `text`, which is valid UTF-8 and starts at byte `begin` of the original, until the sink is
  /// full. False, and nothing appended, for a text whose marks change places in a way that only the stages reproduce
  /// (a mark with a combining class that strip_accents keeps, about a hundred code points).
  [[nodiscard]] bool encode(std::string_view text, std::uint32_t begin, TokenSink& sink) const;

 private:
  enum class ByteClass : std::uint8_t { kLetter, kSpace, kPunctuation, kRemoved, kMultibyte };
  class Run;

  BertNormalizerOptions options_;
  const WordPiece& model_;
  std::array<ByteClass, 256> classes_{};
  std::array<char, 128> folded_{};  // ASCII in lower case, if the options say so
  std::array<std::int32_t, 128> punctuation_ids_{};
};

}  // namespace valence::tokenizer
