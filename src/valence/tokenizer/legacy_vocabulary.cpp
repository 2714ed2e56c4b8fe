#include "valence/tokenizer/legacy_vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <unordered_set>
#include <utility>

#include "valence/base/utf8.h"
#include "valence/tokenizer/component_parser.h"
#include "valence/tokenizer/unicode.h"
#include "valence/tokenizer/wordpiece.h"

namespace valence::tokenizer {
namespace {

std::string_view without_trailing_space(std::string_view line) {
  while (!line.empty()) {
    std::size_t last = line.size() - 1;
    while (last > 0 && (static_cast<unsigned char>(line[last]) & 0xC0U) == 0x80U) --last;
    if (!has_flag(decode_utf8(line, last).value, kWhitespace)) break;
    line.remove_suffix(line.size() - last);
  }
  return line;
}

Result<Vocabulary> read_vocab_txt(std::string_view text, const std::string& source_name) {
  if (const auto invalid = find_invalid_utf8(text)) {
    return fail(ErrorCode::kInvalidData, source_name, fmt::format("invalid UTF-8 at byte {}", *invalid));
  }
  VocabularyEntries entries;
  while (!text.empty() && entries.entries.size() <= kMaxVocabularyTokens) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    entries.add(without_trailing_space(text.substr(0, end)), static_cast<std::int64_t>(entries.entries.size()));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return Vocabulary::build(std::move(entries), RepeatedToken::kLaterWins, source_name);
}

Result<bool> boolean_setting(const std::optional<Json>& config, std::string_view key, bool fallback) {
  return config ? config->boolean_or(key, fallback) : Result<bool>(fallback);
}

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

struct SpecialTokens {
  AddedToken unk, sep, pad, cls, mask;
};

Result<SpecialTokens> read_special_tokens(const std::optional<Json>& config) {
  SpecialTokens tokens;
  VALENCE_TRY(tokens.unk, named_special_token(config, "unk_token", "[UNK]"));
  VALENCE_TRY(tokens.sep, named_special_token(config, "sep_token", "[SEP]"));
  VALENCE_TRY(tokens.pad, named_special_token(config, "pad_token", "[PAD]"));
  VALENCE_TRY(tokens.cls, named_special_token(config, "cls_token", "[CLS]"));
  VALENCE_TRY(tokens.mask, named_special_token(config, "mask_token", "[MASK]"));
  return tokens;
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

/// Every token once, in the order that gives new ones their ids.
Result<AddedTokens> collect_added_tokens(const std::optional<Json>& config, const SpecialTokens& special,
                                         const Vocabulary& vocabulary, const Normalizer& normalizer,
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
  for (const auto* token : {&special.unk, &special.sep, &special.pad, &special.cls, &special.mask}) {
    if (vocabulary.find(token->content)) add_once(*token);
  }
  VALENCE_TRY(auto extra, read_extra_special_tokens(config));
  for (auto& token : extra) add_once(std::move(token));
  return AddedTokens::build(all, vocabulary, &normalizer, source_name);
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

}  // namespace

Result<std::shared_ptr<Tokenizer::Parts>> build_from_vocab_txt(std::string_view vocab_txt,
                                                               const std::string& source_name,
                                                               const std::optional<Json>& config) {
  BertNormalizerOptions normalizer;
  VALENCE_TRY(normalizer.lowercase, boolean_setting(config, "do_lower_case", true));
  VALENCE_TRY(normalizer.handle_chinese_chars, boolean_setting(config, "tokenize_chinese_chars", true));
  if (const auto strip_accents = config ? config->find("strip_accents") : std::nullopt) {
    VALENCE_TRY(normalizer.strip_accents, strip_accents->as_boolean());
  }
  VALENCE_TRY(const SpecialTokens special, read_special_tokens(config));
  VALENCE_TRY(auto vocabulary, read_vocab_txt(vocab_txt, source_name));
  WordPieceOptions word_piece;
  word_piece.unk_token = special.unk.content;
  VALENCE_TRY(auto model, WordPiece::build(std::move(vocabulary), word_piece, source_name));

  auto parts = std::make_shared<Tokenizer::Parts>();
  parts->normalizer = std::make_unique<const BertNormalizer>(normalizer);
  parts->pre_tokenizer = std::make_unique<const BertPreTokenizer>();
  parts->model = std::move(model);
  VALENCE_TRY(parts->added_tokens,
              collect_added_tokens(config, special, parts->model->vocabulary(), *parts->normalizer, source_name));
  VALENCE_TRY(const std::int32_t cls_id, required_id(parts->added_tokens, special.cls, "classification", source_name));
  VALENCE_TRY(const std::int32_t sep_id, required_id(parts->added_tokens, special.sep, "separator", source_name));
  parts->post_processor = PostProcessor::bert(cls_id, sep_id);
  parts->choose_fast_path();
  return parts;
}

}  // namespace valence::tokenizer
