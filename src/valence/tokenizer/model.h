/// \file
/// The third stage: what every tokenization model does with one word.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "valence/tokenizer/vocabulary.h"

namespace valence::tokenizer {

/// `begin` and `end` are bytes within the word.
struct ModelToken {
  std::int32_t id;
  std::uint32_t begin;
  std::uint32_t end;
};

/// Immutable, thread-safe. WordPiece today; BPE and Unigram are further implementations.
class Model {
 public:
  virtual ~Model() = default;
  /// Appends the tokens of `word`, which is valid UTF-8 and not empty.
  virtual void tokenize(std::string_view word, std::vector<ModelToken>& tokens) const = 0;
  [[nodiscard]] virtual const Vocabulary& vocabulary() const = 0;
};

}  // namespace valence::tokenizer
