/// \file
/// SentencePiece models as checkpoints without tokenizer.json keep them: spiece.model, spm.model,
/// sentencepiece.bpe.model.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "valence/base/json.h"
#include "valence/tokenizer/legacy_special_tokens.h"
#include "valence/tokenizer/tokenizer_parts.h"

namespace valence::tokenizer {

/// The tokenizer classes that come with such a file. They differ in its name, in which ids they give its pieces, and in
/// the stages around it.
enum class SentencePieceFamily { kAlbert, kCamembert, kDebertaV2, kT5, kXlmRoberta };

/// From tokenizer_class of tokenizer_config.json, or else model_type of config.json. Nothing if they name another one.
Result<std::optional<SentencePieceFamily>> find_sentencepiece_family(const std::optional<Json>& tokenizer_config,
                                                                     const std::optional<Json>& model_config);

/// What the file of a family is called.
[[nodiscard]] std::string_view model_file_of(SentencePieceFamily family);

/// What AlbertTokenizer, CamembertTokenizer, DebertaV2Tokenizer, T5Tokenizer or XLMRobertaTokenizer of transformers 5
/// make of the file, with do_lower_case, keep_accents, split_by_punct, add_prefix_space, extra_ids and the special and
/// added tokens of `settings`. (The converters of transformers 4 made other normalizers: docs/classify.md.)
Result<std::shared_ptr<Tokenizer::Parts>> build_from_sentencepiece(SentencePieceFamily family, std::string_view file,
                                                                   const std::string& source_name,
                                                                   const TokenSettings& settings);

}  // namespace valence::tokenizer
