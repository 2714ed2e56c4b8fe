/// \file
/// What the files beside a vocabulary say about its tokens: tokenizer_config.json, and of older checkpoints
/// special_tokens_map.json and added_tokens.json.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/json.h"
#include "valence/tokenizer/added_tokens.h"

namespace valence::tokenizer {

/// The files as transformers' from_pretrained (5.23) reads them: if tokenizer_config.json has added_tokens_decoder the
/// other two say nothing; else special_tokens_map.json goes before it.
struct TokenSettings {
  std::optional<Json> config = std::nullopt;              ///< tokenizer_config.json
  std::optional<Json> special_tokens_map = std::nullopt;  ///< special_tokens_map.json
  std::optional<Json> added_tokens = std::nullopt;        ///< added_tokens.json, tokens with their ids

  [[nodiscard]] std::optional<Json> find(std::string_view key) const;
  [[nodiscard]] Result<bool> boolean(std::string_view key, bool fallback) const;
};

/// The special token of a role, `cls_token` say, from the settings, or else `fallback`; an absent one whose fallback is
/// empty has no content.
Result<AddedToken> named_special_token(const TokenSettings& settings, std::string_view key, std::string_view fallback);

/// What a tokenizer class calls the token of a role unless the settings say otherwise; empty: there is none.
struct RoleDefault {
  std::string_view key;
  std::string_view token;
  bool lstrip = false;  ///< of the token, unless the settings describe it by an object
};

/// Whether the settings have a list of extra special tokens, be it empty or null.
Result<bool> lists_extra_special_tokens(const TokenSettings& settings);

/// Every token once, in the order in which transformers gives new ones their ids, the next after the vocabulary's and
/// one another's: `listed` (of tokenizer.json, with their ids), then added_tokens_decoder or added_tokens.json by
/// ascending id, the tokens of the roles, further *_token settings, the extra special tokens, and `own`, those of the
/// vocabulary's file. Of a token listed before only the flags change.
Result<AddedTokens> collect_added_tokens(const TokenSettings& settings, std::vector<AddedToken> listed,
                                         std::span<const RoleDefault> defaults, std::span<const AddedToken> own,
                                         const Vocabulary& vocabulary, const Normalizer* normalizer,
                                         const std::string& source_name);

/// The id of the token of a role, which must be among `added`.
Result<std::int32_t> required_id(const AddedTokens& added, const AddedToken& token, std::string_view role,
                                 const std::string& source_name);

}  // namespace valence::tokenizer
