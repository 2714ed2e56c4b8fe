/// \file
/// The third stage: what every tokenization model does with one word.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "valence/tokenizer/vocabulary.h"

namespace valence::tokenizer {

/// `begin` and `end` are bytes within the word; begin < end. The tokens of a word go from left to right; those that
/// spell the bytes of one unknown stretch may all tell that stretch.
struct ModelToken {
  std::int32_t id;
  std::uint32_t begin;
  std::uint32_t end;
};

/// Immutable, thread-safe. WordPiece, BPE and Unigram.
class Model {
 public:
  virtual ~Model() = default;
  /// Appends the tokens of `word`, which is valid UTF-8 and not empty.
  virtual void tokenize(std::string_view word, std::vector<ModelToken>& tokens) const = 0;
  [[nodiscard]] virtual const Vocabulary& vocabulary() const = 0;
};

}  // namespace valence::tokenizer
