/// \file
/// What a loaded tokenizer consists of: the four stages, and the fast path that may stand for three of them.
#pragma once

#include <memory>
#include <optional>

#include "valence/tokenizer.h"
#include "valence/tokenizer/added_tokens.h"
#include "valence/tokenizer/bert_fast_path.h"
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
  std::optional<std::size_t> model_max_length;
  std::optional<tokenizer::BertFastPath> fast_path;

  /// Sets fast_path if the stages are those it stands for.
  void choose_fast_path();
};

}  // namespace valence
