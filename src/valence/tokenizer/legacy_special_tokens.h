/// \file
/// What tokenizer_config.json says about the tokens of checkpoints from before tokenizer.json.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "valence/base/json.h"
#include "valence/tokenizer/added_tokens.h"

namespace valence::tokenizer {

Result<bool> boolean_setting(const std::optional<Json>& config, std::string_view key, bool fallback);

/// The special token of a role, `cls_token` say, from the configuration, or else `fallback`; an absent one whose
/// fallback is empty has no content.
Result<AddedToken> named_special_token(const std::optional<Json>& config, std::string_view key,
                                       std::string_view fallback);

/// Every token once, in the order that gives new ones their ids: added_tokens_decoder, then `roles` that the vocabulary
/// has, then additional special tokens.
Result<AddedTokens> collect_added_tokens(const std::optional<Json>& config, std::span<const AddedToken> roles,
                                         const Vocabulary& vocabulary, const Normalizer* normalizer,
                                         const std::string& source_name);

/// The id of the token of a role, which must be among `added`.
Result<std::int32_t> required_id(const AddedTokens& added, const AddedToken& token, std::string_view role,
                                 const std::string& source_name);

}  // namespace valence::tokenizer
