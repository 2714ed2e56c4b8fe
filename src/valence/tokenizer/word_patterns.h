/// \file
/// The regular expressions that checkpoints cut words with, known by name.
///
/// A pattern is known here by its exact text; any other is for regex.h, which is slower. Every pattern
/// below matches something at each place of any text, so its matches are the words and nothing lies between them.
#pragma once

#include <optional>
#include <string_view>

namespace valence::tokenizer {

enum class WordPattern {
  kGpt2,   ///< GPT-2, RoBERTa, GPT-NeoX, OLMo, ModernBERT: what ByteLevel's use_regex means
  kGpt4,   ///< cl100k, Llama 3: contractions in any case, numbers in groups of three, newlines apart
  kQwen2,  ///< as kGpt4, but each digit alone
};

/// The pattern whose expression is `regex`, letter by letter.
[[nodiscard]] std::optional<WordPattern> find_word_pattern(std::string_view regex);

/// One expression of the pattern.
[[nodiscard]] std::string_view word_pattern_regex(WordPattern pattern);

}  // namespace valence::tokenizer
