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

/// What becomes of the token of a role that the vocabulary lacks.
enum class MissingRole { kLeftOut, kAdded };

/// Every token once, in the order that gives new ones their ids: added_tokens_decoder, then `roles`, then additional
/// special tokens, then `further` ones.
Result<AddedTokens> collect_added_tokens(const std::optional<Json>& config, std::span<const AddedToken> roles,
                                         MissingRole missing, std::span<const AddedToken> further,
                                         const Vocabulary& vocabulary, const Normalizer* normalizer,
                                         const std::string& source_name);

/// Whether `config` has a list of additional special tokens, be it empty or null.
Result<bool> lists_extra_special_tokens(const std::optional<Json>& config);

/// The settings that from_pretrained puts together where tokenizer_config.json has no added_tokens_decoder: those of
/// special_tokens_map.json go before its own, and the tokens of added_tokens.json become one.
Result<std::optional<Json>> with_token_files(const std::optional<Json>& config,
                                             const std::optional<Json>& special_tokens_map,
                                             const std::optional<Json>& added_tokens);

/// The id of the token of a role, which must be among `added`.
Result<std::int32_t> required_id(const AddedTokens& added, const AddedToken& token, std::string_view role,
                                 const std::string& source_name);

}  // namespace valence::tokenizer
