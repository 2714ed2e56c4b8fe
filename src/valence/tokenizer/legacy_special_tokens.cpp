#include "valence/tokenizer/legacy_special_tokens.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <map>
#include <unordered_set>
#include <utility>

#include "valence/tokenizer/component_parser.h"

namespace valence::tokenizer {
namespace {

/// A special token of the configuration, a string or an object; by itself it is not normalized.
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

/// {"30522": {"content": ...}, ...}, ascending by id.
Result<std::vector<AddedToken>> read_added_tokens_decoder(const std::optional<Json>& config) {
  std::vector<AddedToken> tokens;
  const auto decoder = config ? config->find("added_tokens_decoder") : std::nullopt;
  if (!decoder) return tokens;
  VALENCE_TRY(const auto members, decoder->members());
  for (const auto& [key, value] : members) {
    VALENCE_TRY(AddedToken token, parse_added_token(value));
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), token.id);
    if (error != std::errc() || end != key.data() + key.size()) return value.invalid("expected an id as the key");
    tokens.push_back(std::move(token));
  }
  std::stable_sort(tokens.begin(), tokens.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return tokens;
}

Result<std::vector<AddedToken>> read_extra_special_tokens(const std::optional<Json>& config) {
  std::vector<AddedToken> tokens;
  for (const std::string_view key : {"additional_special_tokens", "extra_special_tokens"}) {
    const auto list = config ? config->find(key) : std::nullopt;
    if (!list || list->is_object()) continue;  // an object names further roles, not tokens
    VALENCE_TRY(const auto items, list->items());
    for (const Json& item : items) {
      VALENCE_TRY(auto token, special_token(item));
      tokens.push_back(std::move(token));
    }
  }
  return tokens;
}

/// {"token": id, ...} of added_tokens.json as an added_tokens_decoder, in JSON. A token that is also the value of one
/// of `settings` is special.
Result<std::string> decoder_of(const Json& added_tokens, const std::map<std::string, std::string>& settings) {
  VALENCE_TRY(const auto ids, added_tokens.integer_members());
  std::string decoder = "{";
  for (const auto& [token, id] : ids) {
    std::string content;
    append_json_string(content, token);
    const bool special = std::any_of(settings.begin(), settings.end(), [&](const auto& setting) {
      return setting.first.ends_with("_token") && setting.second.find(content) != std::string::npos;
    });
    fmt::format_to(std::back_inserter(decoder), R"({}"{}":{{"content":{},"normalized":{},"special":{}}})",
                   decoder.size() > 1 ? "," : "", id, content, !special, special);
  }
  return decoder + "}";
}

}  // namespace

Result<bool> boolean_setting(const std::optional<Json>& config, std::string_view key, bool fallback) {
  return config ? config->boolean_or(key, fallback) : Result<bool>(fallback);
}

Result<AddedToken> named_special_token(const std::optional<Json>& config, std::string_view key,
                                       std::string_view fallback) {
  if (config) {
    if (const auto value = config->find(key)) return special_token(*value);
  }
  AddedToken token;
  token.content = fallback;
  token.special = true;
  return token;
}

Result<AddedTokens> collect_added_tokens(const std::optional<Json>& config, std::span<const AddedToken> roles,
                                         MissingRole missing, std::span<const AddedToken> further,
                                         const Vocabulary& vocabulary, const Normalizer* normalizer,
                                         const std::string& source_name) {
  std::vector<AddedToken> all;
  std::unordered_set<std::string> known;
  auto next_id = static_cast<std::int64_t>(vocabulary.size());
  const auto id_of = [&](const AddedToken& token) {
    const auto in_vocabulary = vocabulary.find(token.content);
    return in_vocabulary ? *in_vocabulary : next_id++;
  };
  const auto add_once = [&](AddedToken token) {
    if (!known.insert(token.content).second) return;
    token.id = id_of(token);
    all.push_back(std::move(token));
  };
  VALENCE_TRY(const auto decoder, read_added_tokens_decoder(config));
  for (const auto& token : decoder) {  // these say their id themselves: AddedTokens::build compares
    if (known.insert(token.content).second) id_of(token);
    all.push_back(token);
  }
  for (const auto& token : roles) {
    if (missing == MissingRole::kAdded || vocabulary.find(token.content)) add_once(token);
  }
  VALENCE_TRY(auto extra, read_extra_special_tokens(config));
  for (auto& token : extra) add_once(std::move(token));
  for (const auto& token : further) add_once(token);
  return AddedTokens::build(all, vocabulary, normalizer, source_name);
}

Result<bool> lists_extra_special_tokens(const std::optional<Json>& config) {
  if (!config) return false;
  VALENCE_TRY(const auto members, config->members());
  return std::any_of(members.begin(), members.end(), [](const auto& member) {
    const auto& [key, value] = member;
    return (key == "additional_special_tokens" || key == "extra_special_tokens") && !value.is_object();
  });
}

Result<std::optional<Json>> with_token_files(const std::optional<Json>& config,
                                             const std::optional<Json>& special_tokens_map,
                                             const std::optional<Json>& added_tokens) {
  if ((config && config->find("added_tokens_decoder")) || (!special_tokens_map && !added_tokens)) return config;
  std::map<std::string, std::string> settings;  // each as JSON
  std::string where;
  for (const auto* source : {&config, &special_tokens_map}) {
    if (!*source) continue;
    if (!where.empty()) where += " and ";
    where += (*source)->where();
    VALENCE_TRY(const auto members, (*source)->members());
    for (const auto& [key, value] : members) settings[key] = value.dump();
  }
  if (added_tokens) {
    if (!where.empty()) where += " and ";
    where += added_tokens->where();
    VALENCE_TRY(settings["added_tokens_decoder"], decoder_of(*added_tokens, settings));
  }
  std::string text = "{";
  for (const auto& [key, value] : settings) {
    if (text.size() > 1) text += ',';
    append_json_string(text, key);
    text += ':';
    text += value;
  }
  text += '}';
  VALENCE_TRY(Json merged, Json::parse(text, std::move(where)));
  return merged;
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
