/// \file
/// What a loaded tokenizer consists of: the four stages, and a fast path that may stand for three of them.
#pragma once

#include <memory>
#include <optional>

#include "valence/tokenizer.h"
#include "valence/tokenizer/added_tokens.h"
#include "valence/tokenizer/bert_fast_path.h"
#include "valence/tokenizer/byte_level_path.h"
#include "valence/tokenizer/decoders.h"
#include "valence/tokenizer/model.h"
#include "valence/tokenizer/normalizers.h"
#include "valence/tokenizer/post_processor.h"
#include "valence/tokenizer/pre_tokenizers.h"

namespace valence {

struct Tokenizer::Parts {
  std::unique_ptr<const tokenizer::Normalizer> normalizer;       ///< may be null: text as it is
  std::unique_ptr<const tokenizer::PreTokenizer> pre_tokenizer;  ///< may be null: the text is one word
  std::unique_ptr<const tokenizer::Model> model;
  tokenizer::AddedTokens added_tokens;
  tokenizer::PostProcessor post_processor;
  std::unique_ptr<const tokenizer::Decoder> decoder;  ///< may be null: tokens with spaces between
  std::optional<std::size_t> model_max_length;
  TruncationSide truncation_side = TruncationSide::kRight;
  std::string unk_token = {};  ///< of the settings; may be empty
  bool gives_token_types = true;
  std::optional<tokenizer::BertFastPath> fast_path;
  std::optional<tokenizer::ByteLevelPath> byte_level_path;  ///< for text that the normalizer leaves as it is

  /// Sets the one of the two paths whose stages these are, if it is one.
  void choose_fast_path();
};

}  // namespace valence
