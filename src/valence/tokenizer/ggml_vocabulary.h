/// \file
/// The tokenizer keys of a GGUF file, and the tokenizer.json of which they were made.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/tokenizer/added_tokens.h"

namespace valence::tokenizer {

/// As the file's tokenizer.ggml.* keys have it; an absent key is nothing. Views lie in the file.
struct GgmlVocabulary {
  /// token_type, as llama.cpp counts them.
  static constexpr std::int64_t kNormal = 1;
  static constexpr std::int64_t kControl = 3;
  static constexpr std::int64_t kUserDefined = 4;
  static constexpr std::int64_t kUnused = 5;  ///< a row of the embedding table that no token has

  std::vector<std::string_view> tokens;                            ///< by id
  std::optional<std::vector<std::int64_t>> types;                  ///< of each token
  std::optional<std::vector<double>> scores;                       ///< of each token
  std::vector<std::string_view> merges;                            ///< "left right", the one learned first first
  std::optional<std::string_view> pre;                             ///< the pre-tokenizer's name
  std::string_view precompiled_charsmap;                           ///< bytes; empty: none
  std::optional<std::int64_t> bos, eos, unk, cls, sep, pad, mask;  ///< ids
  std::optional<bool> add_bos, add_eos;                            ///< around a text
  std::optional<bool> add_space_prefix;                            ///< before its first word
  std::optional<bool> lowercase;      ///< of WordPiece; absent: unless the vocabulary has capital letters
  std::optional<bool> strip_accents;  ///< of WordPiece; absent: as lowercase

  [[nodiscard]] std::int64_t type_of(std::size_t id) const { return types ? (*types)[id] : 0; }
};

/// Errors: no tokens, or lists that are not as long as theirs. `where` is how errors name the file, here and below.
Status check_ggml_vocabulary(const GgmlVocabulary& vocabulary, const std::string& where);

/// `id` if there is such a token. An absent one: the token `spelling` of `spelled`, or an error that names its `role`.
Result<std::int64_t> ggml_special_id(std::optional<std::int64_t> id, std::string_view role, std::string_view spelling,
                                     const std::vector<std::string_view>& spelled, const std::string& where);

/// The special tokens that have a role, then control tokens, then user-defined ones, which are looked for in the
/// normalized text.
Result<std::vector<AddedToken>> ggml_added_tokens(const GgmlVocabulary& vocabulary,
                                                  const std::vector<std::string_view>& spelled,
                                                  const std::string& where);

/// tokenizer.ggml.model "bert" (llama.cpp, BertModel.set_vocab): a token that began a word had U+2581 put before it, a
/// continuing one lost its ##, control tokens stayed as they were. Here and below: the text of a tokenizer.json, whose
/// parser checks what the rules of its model ask for.
Result<std::string> ggml_word_piece_json(const GgmlVocabulary& vocabulary, const std::string& where);

/// "gpt2": byte-level BPE. `pre` says how words are cut and what stands around a text; one that is not known, or none,
/// is kUnsupported, because a guess would give other tokens.
Result<std::string> ggml_bpe_json(const GgmlVocabulary& vocabulary, const std::string& where);

/// "t5": Unigram, as XLM-RoBERTa's is converted.
Result<std::string> ggml_unigram_json(const GgmlVocabulary& vocabulary, const std::string& where);

/// "llama": SentencePiece's BPE, whose merges follow from scores (Llama 2, Mistral). A token longer than any such model
/// makes is refused.
Result<std::string> ggml_sentencepiece_json(const GgmlVocabulary& vocabulary, const std::string& where);

}  // namespace valence::tokenizer
