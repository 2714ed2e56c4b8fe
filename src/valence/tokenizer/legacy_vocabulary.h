/// \file
/// vocab.txt and tokenizer_config.json, the files of BERT checkpoints from before tokenizer.json.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "valence/base/json.h"
#include "valence/tokenizer/legacy_special_tokens.h"
#include "valence/tokenizer/tokenizer_parts.h"

namespace valence::tokenizer {

/// What transformers' BertTokenizerFast makes of them: a token a line, the line number its id, a later line winning
/// over an equal earlier one; do_lower_case (default true), strip_accents, tokenize_chinese_chars, the special
/// and added tokens from `settings`. do_basic_tokenize and never_split have no effect there and none here.
Result<std::shared_ptr<Tokenizer::Parts>> build_from_vocab_txt(std::string_view vocab_txt,
                                                               const std::string& source_name,
                                                               const TokenSettings& settings);

}  // namespace valence::tokenizer
