/// \file
/// A tokenizer as the keys of a GGUF file: the way back from gguf_tokenizer.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "valence/base/error.h"
#include "valence/base/json.h"
#include "valence/model/gguf_export.h"
#include "valence/tokenizer.h"

namespace valence {

/// What a model's files say of its tokenizer.
struct TokenizerSource {
  std::string name;  ///< of the model, for errors
  const Tokenizer* tokenizer = nullptr;
  const std::string* tokenizer_json = nullptr;                     ///< null: there is only a vocab.txt
  std::optional<bool> lowercase;                                   ///< then, whether it lower-cases
  std::optional<std::int32_t> bos, eos, unk, cls, sep, pad, mask;  ///< as its settings have them
  std::int64_t rows = 0;                                           ///< of the embedding table
};

/// WordPiece ("bert"), byte-level BPE ("gpt2"), Unigram ("t5") and SentencePiece's BPE ("llama"), whose scores are the
/// order of its merges. `pre` is empty where llama.cpp has no name for how words are cut: whoever reads the file
/// without tokenizer.huggingface.json then cannot tokenize as the source does.
///
/// Errors: kUnsupported for models without tokenizer.json, unless they have a vocab.txt, and for other kinds.
Result<GgufVocabulary> gguf_vocabulary(const TokenizerSource& source);

}  // namespace valence
