#include "valence/tokenizer/component_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "valence/tokenizer/wordpiece.h"

namespace valence::tokenizer {
namespace {

template <class Stage>
using Parsed = Result<std::unique_ptr<const Stage>>;

template <class Stage>
struct StageType {
  std::string_view name;  // as `type` says it
  std::function<Parsed<Stage>(const Json&)> parse;
};

template <class Base, class Derived, class... Arguments>
Parsed<Base> make(Arguments&&... arguments) {
  return std::unique_ptr<const Base>(std::make_unique<const Derived>(std::forward<Arguments>(arguments)...));
}

template <class Types>
tl::unexpected<Error> not_supported(const Json& json, std::string_view stage, const std::string& type,
                                    const Types& types) {
  std::string known;
  for (const auto& candidate : types)
    fmt::format_to(std::back_inserter(known), "{}{}", known.empty() ? "" : ", ", candidate.name);
  return fail(ErrorCode::kUnsupported, json.where(), fmt::format("{} \"{}\" is not supported", stage, type),
              fmt::format("valence knows {}; use a model with one of these", known));
}

template <class Stage>
Parsed<Stage> parse_stage(const Json& json, std::string_view stage, std::span<const StageType<Stage>> types) {
  VALENCE_TRY(const std::string type, json.string("type"));
  const auto known =
      std::find_if(types.begin(), types.end(), [&](const auto& candidate) { return candidate.name == type; });
  if (known == types.end()) return not_supported(json, stage, type, types);
  return known->parse(json);
}

template <class Stage, class ParseOne>
Result<std::vector<std::unique_ptr<const Stage>>> parse_steps(const Json& json, std::string_view key,
                                                              ParseOne parse_one) {
  VALENCE_TRY(const Json list, json.at(key));
  VALENCE_TRY(const auto items, list.items());
  std::vector<std::unique_ptr<const Stage>> steps;
  for (const Json& item : items) {
    VALENCE_TRY(auto step, parse_one(item));
    steps.push_back(std::move(step));
  }
  return steps;
}

// --- normalizers

Parsed<Normalizer> parse_bert_normalizer(const Json& json) {
  BertNormalizerOptions options;
  VALENCE_TRY(options.clean_text, json.boolean("clean_text"));
  VALENCE_TRY(options.handle_chinese_chars, json.boolean("handle_chinese_chars"));
  VALENCE_TRY(options.lowercase, json.boolean("lowercase"));
  if (const auto strip_accents = json.find("strip_accents")) {
    VALENCE_TRY(options.strip_accents, strip_accents->as_boolean());
  }
  return make<Normalizer, BertNormalizer>(options);
}

Parsed<Normalizer> parse_replace(const Json& json) {
  VALENCE_TRY(const Json pattern, json.at("pattern"));
  if (pattern.find("Regex")) {
    return fail(ErrorCode::kUnsupported, pattern.where(), "a Replace with a regular expression is not supported",
                "valence knows Replace with a String; use a model with one of these");
  }
  VALENCE_TRY(const std::string literal, pattern.string("String"));
  VALENCE_TRY(const std::string content, json.string("content"));
  if (literal.empty()) return pattern.invalid("expected a pattern that is not empty");
  return make<Normalizer, Replace>(literal, content);
}

Parsed<Normalizer> parse_strip(const Json& json) {
  VALENCE_TRY(const bool left, json.boolean("strip_left"));
  VALENCE_TRY(const bool right, json.boolean("strip_right"));
  return make<Normalizer, Strip>(left, right);
}

Parsed<Normalizer> parse_prepend(const Json& json) {
  VALENCE_TRY(const std::string prefix, json.string("prepend"));
  return make<Normalizer, Prepend>(prefix);
}

Parsed<Normalizer> parse_normalizer_sequence(const Json& json) {
  VALENCE_TRY(auto steps, parse_steps<Normalizer>(json, "normalizers", parse_normalizer));
  return make<Normalizer, NormalizerSequence>(std::move(steps));
}

Parsed<Normalizer> make_form(UnicodeForm form) { return make<Normalizer, UnicodeNormalizer>(form); }

// --- pre-tokenizers

Parsed<PreTokenizer> parse_punctuation(const Json& json) {
  struct Named {
    std::string_view name;
    SplitBehavior behavior;
  };
  static constexpr Named kBehaviors[] = {{"Removed", SplitBehavior::kRemoved},
                                         {"Isolated", SplitBehavior::kIsolated},
                                         {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
                                         {"MergedWithNext", SplitBehavior::kMergedWithNext},
                                         {"Contiguous", SplitBehavior::kContiguous}};
  VALENCE_TRY(const std::string name, json.string_or("behavior", "Isolated"));
  for (const auto& known : kBehaviors) {
    if (known.name == name) return make<PreTokenizer, PunctuationPreTokenizer>(known.behavior);
  }
  return not_supported(json, "behavior", name, kBehaviors);
}

Parsed<PreTokenizer> parse_digits(const Json& json) {
  VALENCE_TRY(const bool individual_digits, json.boolean_or("individual_digits", false));
  return make<PreTokenizer, DigitsPreTokenizer>(individual_digits);
}

Parsed<PreTokenizer> parse_pre_tokenizer_sequence(const Json& json) {
  VALENCE_TRY(auto steps, parse_steps<PreTokenizer>(json, "pretokenizers", parse_pre_tokenizer));
  return make<PreTokenizer, PreTokenizerSequence>(std::move(steps));
}

// --- post-processors

Result<std::int32_t> parse_token_id(const Json& json, std::int64_t vocabulary_size) {
  VALENCE_TRY(const std::int64_t id, json.as_integer());
  if (id < 0 || id >= vocabulary_size) {
    return json.invalid(fmt::format("id {} of a special token: expected 0 to {}", id, vocabulary_size - 1));
  }
  return static_cast<std::int32_t>(id);
}

/// ["[SEP]", 102]
Result<std::int32_t> parse_named_id(const Json& json, std::string_view key, std::int64_t vocabulary_size) {
  VALENCE_TRY(const Json named, json.at(key));
  VALENCE_TRY(const auto items, named.items());
  if (items.size() != 2) return named.invalid("expected a token and its id");
  return parse_token_id(items[1], vocabulary_size);
}

Result<std::vector<std::int32_t>> parse_special_ids(const Json& special_tokens, const std::string& name,
                                                    std::int64_t vocabulary_size) {
  VALENCE_TRY(const Json special, special_tokens.at(name));
  VALENCE_TRY(const Json list, special.at("ids"));
  VALENCE_TRY(const auto items, list.items());
  std::vector<std::int32_t> ids;
  for (const Json& item : items) {
    VALENCE_TRY(const std::int32_t id, parse_token_id(item, vocabulary_size));
    ids.push_back(id);
  }
  return ids;
}

Result<TemplatePiece> parse_piece(const Json& json, const Json& special_tokens, std::int64_t vocabulary_size) {
  using Kind = TemplatePiece::Kind;
  const auto special = json.find("SpecialToken");
  const auto sequence = json.find("Sequence");
  if (special.has_value() == sequence.has_value()) return json.invalid("expected a Sequence or a SpecialToken");
  const Json& piece = special ? *special : *sequence;
  VALENCE_TRY(const std::string id, piece.string("id"));
  VALENCE_TRY(const std::int64_t type_id, piece.integer("type_id"));
  if (type_id < 0 || type_id > INT32_MAX)
    return piece.invalid(fmt::format("type_id {}: expected 0 to {}", type_id, INT32_MAX));
  TemplatePiece parsed{Kind::kSpecial, static_cast<std::int32_t>(type_id), {}};
  if (special) {
    VALENCE_TRY(parsed.special_ids, parse_special_ids(special_tokens, id, vocabulary_size));
  } else if (id == "A" || id == "B") {
    parsed.kind = id == "A" ? Kind::kFirst : Kind::kSecond;
  } else {
    return piece.invalid(fmt::format("sequence \"{}\": expected A or B", id));
  }
  return parsed;
}

Result<std::vector<TemplatePiece>> parse_template(const Json& json, std::string_view key,
                                                  std::int64_t vocabulary_size) {
  using Kind = TemplatePiece::Kind;
  VALENCE_TRY(const Json special_tokens, json.at("special_tokens"));
  VALENCE_TRY(const Json list, json.at(key));
  VALENCE_TRY(const auto items, list.items());
  std::vector<TemplatePiece> pieces;
  for (const Json& item : items) {
    VALENCE_TRY(auto piece, parse_piece(item, special_tokens, vocabulary_size));
    pieces.push_back(std::move(piece));
  }
  const auto count = [&](Kind kind) {
    return std::count_if(pieces.begin(), pieces.end(), [kind](const auto& piece) { return piece.kind == kind; });
  };
  const bool pair = key == "pair";
  if (count(Kind::kFirst) != 1 || count(Kind::kSecond) != (pair ? 1 : 0)) {
    return list.invalid(pair ? "expected sequences A and B, each once" : "expected sequence A, once");
  }
  return pieces;
}

}  // namespace

Result<std::unique_ptr<const Normalizer>> parse_normalizer(const Json& json) {
  static const StageType<Normalizer> kTypes[] = {
      {"BertNormalizer", parse_bert_normalizer},
      {"Sequence", parse_normalizer_sequence},
      {"Lowercase", [](const Json&) { return make<Normalizer, Lowercase>(); }},
      {"NFC", [](const Json&) { return make_form(UnicodeForm::kNfc); }},
      {"NFD", [](const Json&) { return make_form(UnicodeForm::kNfd); }},
      {"NFKC", [](const Json&) { return make_form(UnicodeForm::kNfkc); }},
      {"NFKD", [](const Json&) { return make_form(UnicodeForm::kNfkd); }},
      {"StripAccents", [](const Json&) { return make<Normalizer, StripAccents>(); }},
      {"Strip", parse_strip},
      {"Replace", parse_replace},
      {"Prepend", parse_prepend},
  };
  return parse_stage<Normalizer>(json, "normalizer", kTypes);
}

Result<std::unique_ptr<const PreTokenizer>> parse_pre_tokenizer(const Json& json) {
  static const StageType<PreTokenizer> kTypes[] = {
      {"BertPreTokenizer", [](const Json&) { return make<PreTokenizer, BertPreTokenizer>(); }},
      {"Sequence", parse_pre_tokenizer_sequence},
      {"Whitespace", [](const Json&) { return make<PreTokenizer, WhitespacePreTokenizer>(); }},
      {"WhitespaceSplit", [](const Json&) { return make<PreTokenizer, WhitespaceSplit>(); }},
      {"Punctuation", parse_punctuation},
      {"Digits", parse_digits},
  };
  return parse_stage<PreTokenizer>(json, "pre_tokenizer", kTypes);
}

Result<std::unique_ptr<const Model>> parse_model(const Json& json, VocabularyEntries entries) {
  // Old files leave `type` out; then only WordPiece has this key.
  const std::string guess = json.find("max_input_chars_per_word") ? "WordPiece" : "unnamed";
  VALENCE_TRY(const std::string type, json.string_or("type", guess));
  if (type != "WordPiece") {
    return fail(ErrorCode::kUnsupported, json.where(), fmt::format("model \"{}\" is not supported", type),
                "valence knows WordPiece; use a model with it");
  }
  WordPieceOptions options;
  VALENCE_TRY(options.unk_token, json.string("unk_token"));
  VALENCE_TRY(options.continuing_subword_prefix, json.string("continuing_subword_prefix"));
  VALENCE_TRY(options.max_input_chars_per_word, json.integer("max_input_chars_per_word"));
  const std::string where = fmt::format("{}.vocab", json.where());
  VALENCE_TRY(auto vocabulary, Vocabulary::build(std::move(entries), RepeatedToken::kRefused, where));
  VALENCE_TRY(auto model, WordPiece::build(std::move(vocabulary), options, json.where()));
  return std::unique_ptr<const Model>(std::move(model));
}

Result<PostProcessor> parse_post_processor(const Json& json, std::int64_t vocabulary_size) {
  VALENCE_TRY(const std::string type, json.string("type"));
  if (type == "BertProcessing") {
    VALENCE_TRY(const std::int32_t cls_id, parse_named_id(json, "cls", vocabulary_size));
    VALENCE_TRY(const std::int32_t sep_id, parse_named_id(json, "sep", vocabulary_size));
    return PostProcessor::bert(cls_id, sep_id);
  }
  if (type == "TemplateProcessing") {
    PostProcessor post_processor;
    VALENCE_TRY(post_processor.single, parse_template(json, "single", vocabulary_size));
    VALENCE_TRY(post_processor.pair, parse_template(json, "pair", vocabulary_size));
    return post_processor;
  }
  return fail(ErrorCode::kUnsupported, json.where(), fmt::format("post_processor \"{}\" is not supported", type),
              "valence knows BertProcessing and TemplateProcessing; use a model with one of these");
}

Result<AddedToken> parse_added_token(const Json& json) {
  AddedToken token;
  VALENCE_TRY(token.content, json.string("content"));
  VALENCE_TRY(token.single_word, json.boolean_or("single_word", false));
  VALENCE_TRY(token.lstrip, json.boolean_or("lstrip", false));
  VALENCE_TRY(token.rstrip, json.boolean_or("rstrip", false));
  VALENCE_TRY(token.special, json.boolean_or("special", false));
  VALENCE_TRY(token.normalized, json.boolean_or("normalized", !token.special));
  return token;
}

}  // namespace valence::tokenizer
