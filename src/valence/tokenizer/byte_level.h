/// \file
/// Byte-level text: every byte as one visible character, so that a vocabulary of 256 characters can spell anything.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "valence/tokenizer/pre_tokenizers.h"
#include "valence/tokenizer/word_patterns.h"

namespace valence::tokenizer {

/// The character that stands for each byte. Printable Latin-1 stands for itself, the other bytes, in order, for U+0100
/// and on: a space becomes U+0120. Source: bytes_to_unicode of GPT-2's encoder.
[[nodiscard]] const std::array<char32_t, 256>& byte_characters();

/// The character of a space, which byte-level tokens begin with.
constexpr char32_t kByteLevelSpace = 0x120;

struct ByteLevelOptions {
  bool add_prefix_space = true;  ///< a space before every part of the text that has none, shown as its first character
  std::optional<WordPattern> pattern = WordPattern::kGpt2;  ///< what use_regex cuts at; absent: nothing is cut
};

class ByteLevelPreTokenizer final : public PreTokenizer {
 public:
  explicit ByteLevelPreTokenizer(const ByteLevelOptions& options) : options_(options) {}
  void apply(PreTokenizedText& text) const override;
  [[nodiscard]] const ByteLevelOptions& options() const { return options_; }

 private:
  ByteLevelOptions options_;
};

}  // namespace valence::tokenizer
