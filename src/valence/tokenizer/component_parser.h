/// \file
/// The components of a tokenizer.json, from JSON to stages: one line a type. What is not known is refused by name.
#pragma once

#include <memory>
#include <vector>

#include "valence/base/json.h"
#include "valence/tokenizer/added_tokens.h"
#include "valence/tokenizer/decoders.h"
#include "valence/tokenizer/model.h"
#include "valence/tokenizer/normalizers.h"
#include "valence/tokenizer/post_processor.h"
#include "valence/tokenizer/pre_tokenizers.h"
#include "valence/tokenizer/vocabulary_json.h"

namespace valence::tokenizer {

Result<std::unique_ptr<const Normalizer>> parse_normalizer(const Json& json);
Result<std::unique_ptr<const PreTokenizer>> parse_pre_tokenizer(const Json& json);
/// `extracted` is what stood at model.vocab and model.merges.
Result<std::unique_ptr<const Model>> parse_model(const Json& json, ExtractedModel extracted);
/// The ids of special tokens must be below `vocabulary_size`. Defined in post_processor_parser.cpp.
Result<PostProcessor> parse_post_processor(const Json& json, std::int64_t vocabulary_size);
/// Defined in decoder_parser.cpp.
Result<std::unique_ptr<const Decoder>> parse_decoder(const Json& json);
/// One of `added_tokens`. `id` is left 0: where it stands differs.
Result<AddedToken> parse_added_token(const Json& json);

}  // namespace valence::tokenizer
