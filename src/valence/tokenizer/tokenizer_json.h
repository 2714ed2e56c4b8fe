/// \file
/// The parts of a tokenizer.json as compact text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "valence/tokenizer/added_tokens.h"
#include "valence/tokenizer/ggml_vocabulary.h"
#include "valence/tokenizer/merge_rules.h"

namespace valence::tokenizer {

/// `"text"`, with what JSON escapes escaped.
[[nodiscard]] std::string json_string(std::string_view text);

/// `[["a","b"],...]`
[[nodiscard]] std::string merges_json(const MergeRules& merges);

/// An object from tokens to ids, `given`'s as they are spelled in `spelled`. Of a token that occurs twice the later id
/// counts, as in lists of tokens; rows that no token has are left out.
[[nodiscard]] std::string vocabulary_json(const GgmlVocabulary& given, const std::vector<std::string_view>& spelled);

/// Special tokens around texts, each a token with its id.
struct AroundTexts {
  struct Special {
    std::string_view content;
    std::int32_t id = 0;
  };
  std::vector<Special> before, after;  ///< one at most
};
/// TemplateProcessing: the same around each text of a pair, types 0 and 1; or null.
[[nodiscard]] std::string around_each_json(const AroundTexts& around);

/// A document of stages, which are JSON text; an empty one is null.
struct TokenizerJson {
  std::vector<AddedToken> added_tokens;
  std::string normalizer, pre_tokenizer, post_processor, decoder, model;

  [[nodiscard]] std::string text() const;
};

}  // namespace valence::tokenizer
