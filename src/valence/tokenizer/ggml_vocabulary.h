/// \file
/// The WordPiece vocabulary of a GGUF file, whose tokens are spelled with a phantom space.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/tokenizer.h"

namespace valence::tokenizer {

/// As the file's tokenizer.ggml.* keys have it; an absent key is nothing.
struct GgmlVocabulary {
  std::vector<std::string_view> tokens;            ///< by id
  std::optional<std::vector<std::int64_t>> types;  ///< of each token: normal, control, ...
  std::optional<std::int64_t> unk, cls, sep;       ///< ids; absent: [UNK], [CLS], [SEP]
  std::optional<std::int64_t> pad, mask;           ///< ids; may be absent
  std::optional<bool> lowercase;                   ///< absent: unless the vocabulary has capital letters
  std::optional<bool> strip_accents;               ///< absent: as lowercase
};

/// The tokenizer whose vocabulary was converted so (llama.cpp, convert_hf_to_gguf.py, BertModel.set_vocab): a token
/// that began a word had U+2581 put before it, a continuing one lost its ##, control tokens stayed as they were.
/// `where` is how errors name the file.
Result<Tokenizer> build_from_ggml(const GgmlVocabulary& vocabulary, const std::string& where);

}  // namespace valence::tokenizer
