#include "valence/tokenizer/legacy_special_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_map>
#include <utility>

#include "valence/tokenizer/component_parser.h"

namespace valence::tokenizer {
namespace {

// transformers' SPECIAL_TOKENS_ATTRIBUTES, in the order in which it adds them.
constexpr std::string_view kRoles[] = {"bos_token", "eos_token", "unk_token", "sep_token",
                                       "pad_token", "cls_token", "mask_token"};
constexpr std::string_view kDecoder = "added_tokens_decoder";
constexpr std::string_view kExtra = "extra_special_tokens";

/// A special token of the settings, a string or an object; by itself it is not normalized.
Result<AddedToken> special_token(const Json& json) {
  AddedToken token;
  if (json.is_string()) {
    VALENCE_TRY(token.content, json.as_string());
  } else {
    VALENCE_TRY(token, parse_added_token(json));
    VALENCE_TRY(token.normalized, json.boolean_or("normalized", false));
  }
  token.special = true;
  return token;
}

/// The tokens and ids that transformers would make of one list of additions after the other.
class Additions {
 public:
  Additions(std::vector<AddedToken> listed, const Vocabulary& vocabulary)
      : tokens_(std::move(listed)), vocabulary_(vocabulary) {
    next_id_ = std::max(static_cast<std::int64_t>(vocabulary.size()), vocabulary.highest_id() + 1);
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      index_of_.emplace(tokens_[i].content, i);
      next_id_ = std::max(next_id_, tokens_[i].id + 1);
    }
  }

  [[nodiscard]] bool has(const std::string& content) const { return index_of_.contains(content); }

  /// A new token gets an id; a known one other flags.
  void add(AddedToken token) {
    if (token.content.empty()) return;
    if (const auto known = index_of_.find(token.content); known != index_of_.end()) {
      token.id = tokens_[known->second].id;
      tokens_[known->second] = std::move(token);
      return;
    }
    const auto in_vocabulary = vocabulary_.find(token.content);
    token.id = in_vocabulary ? *in_vocabulary : next_id_++;
    index_of_.emplace(token.content, tokens_.size());
    tokens_.push_back(std::move(token));
  }
  void add_new(AddedToken token) {
    if (!has(token.content)) add(std::move(token));
  }
  [[nodiscard]] const std::vector<AddedToken>& tokens() const { return tokens_; }

 private:
  std::vector<AddedToken> tokens_;
  const Vocabulary& vocabulary_;
  std::unordered_map<std::string, std::size_t> index_of_;
  std::int64_t next_id_ = 0;
};

void sort_by_id(std::vector<AddedToken>& tokens) {
  std::stable_sort(tokens.begin(), tokens.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
}

/// {"30522": {"content": ...}, ...}
Result<std::vector<AddedToken>> read_added_tokens_decoder(const Json& decoder) {
  std::vector<AddedToken> tokens;
  VALENCE_TRY(const auto members, decoder.members());
  for (const auto& [key, value] : members) {
    VALENCE_TRY(AddedToken token, parse_added_token(value));
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token.id);
    if (error != std::errc() || end != key.data() + key.size()) return value.invalid("expected an id as the key");
    tokens.push_back(std::move(token));
  }
  sort_by_id(tokens);
  return tokens;
}

bool names(const std::vector<AddedToken>& tokens, const std::string& content) {
  return std::any_of(tokens.begin(), tokens.end(), [&](const auto& token) { return token.content == content; });
}

/// {"<new>": 30522, ...}; those that the settings name are special.
Result<std::vector<AddedToken>> read_added_tokens_json(const Json& json, const std::vector<AddedToken>& named) {
  std::vector<AddedToken> tokens;
  VALENCE_TRY(const auto members, json.integer_members());
  for (const auto& [content, id] : members) {
    const bool is_special = names(named, content);
    tokens.push_back({.id = id, .content = content, .normalized = !is_special, .special = is_special});
  }
  sort_by_id(tokens);
  return tokens;
}

Result<std::vector<AddedToken>> read_roles(const TokenSettings& settings, std::span<const RoleDefault> defaults) {
  std::vector<AddedToken> tokens;
  for (const std::string_view role : kRoles) {
    const auto known = std::find_if(defaults.begin(), defaults.end(),
                                    [role](const RoleDefault& candidate) { return candidate.key == role; });
    const RoleDefault fallback = known == defaults.end() ? RoleDefault{role, ""} : *known;
    VALENCE_TRY(auto token, named_special_token(settings, role, fallback.token));
    const auto value = settings.find(role);
    if (fallback.lstrip && (!value || value->is_string())) token.lstrip = true;
    if (!token.content.empty()) tokens.push_back(std::move(token));
  }
  return tokens;
}

/// Tokens that a model gives roles of its own: "image_token", or the members of an object of extra tokens.
Result<std::vector<AddedToken>> read_further_roles(const TokenSettings& settings) {
  std::vector<AddedToken> tokens;
  if (settings.config) {
    VALENCE_TRY(const auto members, settings.config->members());
    for (const auto& [key, value] : members) {
      const bool is_usual = std::find(std::begin(kRoles), std::end(kRoles), key) != std::end(kRoles);
      if (is_usual || !key.ends_with("_token") || !value.is_string()) continue;
      VALENCE_TRY(auto token, special_token(value));
      tokens.push_back(std::move(token));
    }
  }
  if (const auto extra = settings.find(kExtra); extra && extra->is_object()) {
    VALENCE_TRY(const auto members, extra->members());
    for (const auto& [key, value] : members) {
      VALENCE_TRY(auto token, special_token(value));
      tokens.push_back(std::move(token));
    }
  }
  return tokens;
}

Result<std::vector<AddedToken>> read_extra_special_tokens(const TokenSettings& settings) {
  std::vector<AddedToken> tokens;
  for (const std::string_view key : {std::string_view("additional_special_tokens"), kExtra}) {
    const auto list = settings.find(key);
    if (!list || list->is_object()) continue;  // an object names further roles
    VALENCE_TRY(const auto items, list->items());
    for (const Json& item : items) {
      VALENCE_TRY(auto token, special_token(item));
      tokens.push_back(std::move(token));
    }
  }
  return tokens;
}

}  // namespace

std::optional<Json> TokenSettings::find(std::string_view key) const {
  const bool has_decoder = config && config->find(kDecoder);
  if (special_tokens_map && !has_decoder) {
    if (auto value = special_tokens_map->find(key)) return value;
  }
  return config ? config->find(key) : std::nullopt;
}

Result<bool> TokenSettings::boolean(std::string_view key, bool fallback) const {
  const auto value = find(key);
  return value ? value->as_boolean() : Result<bool>(fallback);
}

Result<bool> lists_extra_special_tokens(const TokenSettings& settings) {
  const bool has_decoder = settings.config && settings.config->find(kDecoder);
  for (const auto* source : {&settings.config, &settings.special_tokens_map}) {
    if (!*source || (has_decoder && source == &settings.special_tokens_map)) continue;
    VALENCE_TRY(const auto members, (*source)->members());
    for (const auto& [key, value] : members) {
      if ((key == "additional_special_tokens" || key == kExtra) && !value.is_object()) return true;
    }
  }
  return false;
}

Result<AddedToken> named_special_token(const TokenSettings& settings, std::string_view key, std::string_view fallback) {
  if (const auto value = settings.find(key)) return special_token(*value);
  AddedToken token;
  token.content = fallback;
  token.special = true;
  return token;
}

Result<AddedTokens> collect_added_tokens(const TokenSettings& settings, std::vector<AddedToken> listed,
                                         std::span<const RoleDefault> defaults, std::span<const AddedToken> own,
                                         const Vocabulary& vocabulary, const Normalizer* normalizer,
                                         const std::string& source_name) {
  VALENCE_TRY(const auto roles, read_roles(settings, defaults));
  VALENCE_TRY(const auto further_roles, read_further_roles(settings));
  VALENCE_TRY(const auto extra, read_extra_special_tokens(settings));
  Additions additions(std::move(listed), vocabulary);
  const auto add = [&](AddedToken token) {  // what has a role is special whatever the file says
    token.special = token.special || names(roles, token.content) || names(further_roles, token.content);
    additions.add(std::move(token));
  };
  if (const auto decoder = settings.config ? settings.config->find(kDecoder) : std::nullopt) {
    VALENCE_TRY(auto tokens, read_added_tokens_decoder(*decoder));
    for (auto& token : tokens) add(std::move(token));
  } else if (settings.added_tokens) {
    VALENCE_TRY(auto named, read_roles(settings, {}));  // not by default: those tokens are normalized
    named.insert(named.end(), extra.begin(), extra.end());
    VALENCE_TRY(auto tokens, read_added_tokens_json(*settings.added_tokens, named));
    for (auto& token : tokens) {
      if (!additions.has(token.content)) add(std::move(token));
    }
  }
  // In a vocabulary with gaps (a line of vocab.txt stands twice) the reference gives a new token an id that another has
  // already; here the token of a role stays unknown then.
  const bool has_gaps = static_cast<std::int64_t>(vocabulary.size()) != vocabulary.highest_id() + 1;
  for (const auto& token : roles) {
    if (!has_gaps || vocabulary.find(token.content)) additions.add_new(token);
  }
  for (const auto& tokens : {further_roles, extra}) {
    for (const auto& token : tokens) additions.add_new(token);
  }
  for (const auto& token : own) additions.add_new(token);
  return AddedTokens::build(additions.tokens(), vocabulary, normalizer, source_name);
}

Result<std::int32_t> required_id(const AddedTokens& added, const AddedToken& token, std::string_view role,
                                 const std::string& source_name) {
  for (const auto& known : added.tokens()) {
    if (known.content == token.content) return static_cast<std::int32_t>(known.id);
  }
  return fail(ErrorCode::kInvalidData, source_name,
              fmt::format("the {} token \"{}\" is not in the vocabulary", role, token.content),
              "name the one that is there in tokenizer_config.json");
}

}  // namespace valence::tokenizer
