/// \file
/// The Metaspace pre-tokenizer: spaces become a visible character that begins the words.
#pragma once

#include "valence/tokenizer/pre_tokenizers.h"

namespace valence::tokenizer {

/// U+2581, SentencePiece's sign for a space.
constexpr char32_t kMetaspace = 0x2581;

/// Which pieces of a text get a replacement character before them if they have none: every one, the one that begins
/// where the original text begins, or none. Named as in tokenizer.json.
enum class PrependScheme { kAlways, kFirst, kNever };

struct MetaspaceOptions {
  char32_t replacement = kMetaspace;
  PrependScheme prepend_scheme = PrependScheme::kAlways;
  bool split = true;  ///< a word begins at each replacement character
};

class MetaspacePreTokenizer final : public PreTokenizer {
 public:
  explicit MetaspacePreTokenizer(const MetaspaceOptions& options) : options_(options) {}
  void apply(PreTokenizedText& text) const override;
  [[nodiscard]] const MetaspaceOptions& options() const { return options_; }

 private:
  MetaspaceOptions options_;
};

}  // namespace valence::tokenizer
