/// \file
/// The Precompiled normalizer: a SentencePiece model's own rules.
#pragma once

#include <utility>

#include "valence/tokenizer/character_map.h"
#include "valence/tokenizer/normalizers.h"

namespace valence::tokenizer {

/// Source: normalizers/precompiled.rs of Hugging Face tokenizers, with its ways: a grapheme cluster of less than 6
/// bytes is looked up as a whole, and replaced as a whole if a rule fits its beginning; else each of its characters.
/// Removals at the very start of the text shift the sources of what follows.
class Precompiled final : public Normalizer {
 public:
  explicit Precompiled(CharacterMap map) : map_(std::move(map)) {}
  void apply(NormalizedText& text) const override;
  [[nodiscard]] const CharacterMap& map() const { return map_; }

 private:
  CharacterMap map_;
};

}  // namespace valence::tokenizer
