#include "valence/tokenizer/component_parser.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "valence/base/base64.h"
#include "valence/base/utf8.h"
#include "valence/tokenizer/bpe.h"
#include "valence/tokenizer/byte_level.h"
#include "valence/tokenizer/metaspace.h"
#include "valence/tokenizer/precompiled.h"
#include "valence/tokenizer/stage_parser.h"
#include "valence/tokenizer/wordpiece.h"

namespace valence::tokenizer {
namespace {

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
  VALENCE_TRY(const std::string content, json.string("content"));
  if (pattern.find("Regex")) {
    VALENCE_TRY(const std::string regex, pattern.string("Regex"));
    auto runs = RunPattern::parse(regex);
    if (runs) return make<Normalizer, ReplaceRuns>(*std::move(runs), content);
    return fail(ErrorCode::kUnsupported, pattern.where(),
                fmt::format("the regular expression {} is not supported", in_quotes(regex)),
                "valence knows Replace with a String or with runs of characters such as \" {2,}\" and "
                "\"\\s{2,}|[\\n\\r\\t]\"; use a model with one of these");
  }
  VALENCE_TRY(const std::string literal, pattern.string("String"));
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

Parsed<Normalizer> parse_precompiled(const Json& json) {
  VALENCE_TRY(const Json charsmap, json.at("precompiled_charsmap"));
  VALENCE_TRY(const std::string text, charsmap.as_string());
  const auto bytes = decode_base64(text);
  if (!bytes) return charsmap.invalid("expected base64");
  VALENCE_TRY(auto map, CharacterMap::parse(*bytes, charsmap.where()));
  return make<Normalizer, Precompiled>(std::move(map));
}

Parsed<Normalizer> parse_normalizer_sequence(const Json& json) {
  VALENCE_TRY(auto steps, parse_steps<Normalizer>(json, "normalizers", parse_normalizer));
  return make<Normalizer, NormalizerSequence>(std::move(steps));
}

Parsed<Normalizer> make_form(UnicodeForm form) { return make<Normalizer, UnicodeNormalizer>(form); }

// --- pre-tokenizers

Result<SplitBehavior> parse_behavior(const Json& json, const std::string& name) {
  struct Named {
    std::string_view name;
    SplitBehavior behavior;
  };
  static constexpr Named kBehaviors[] = {{"Removed", SplitBehavior::kRemoved},
                                         {"Isolated", SplitBehavior::kIsolated},
                                         {"MergedWithPrevious", SplitBehavior::kMergedWithPrevious},
                                         {"MergedWithNext", SplitBehavior::kMergedWithNext},
                                         {"Contiguous", SplitBehavior::kContiguous}};
  for (const auto& known : kBehaviors) {
    if (known.name == name) return known.behavior;
  }
  return not_supported(json, "behavior", name, kBehaviors);
}

Parsed<PreTokenizer> parse_punctuation(const Json& json) {
  VALENCE_TRY(const std::string name, json.string_or("behavior", "Isolated"));
  VALENCE_TRY(const SplitBehavior behavior, parse_behavior(json, name));
  return make<PreTokenizer, PunctuationPreTokenizer>(behavior);
}

Result<SplitPreTokenizer::Pattern> parse_split_pattern(const Json& json) {
  if (!json.find("Regex")) {
    VALENCE_TRY(const std::string literal, json.string("String"));
    if (literal.empty()) return json.invalid("expected a pattern that is not empty");
    return LiteralSearch(to_code_points(literal));
  }
  VALENCE_TRY(const std::string regex, json.string("Regex"));
  if (const auto pattern = find_word_pattern(regex)) return *pattern;
  return Regex::compile(regex, json.where());
}

Parsed<PreTokenizer> parse_split(const Json& json) {
  VALENCE_TRY(const Json pattern_json, json.at("pattern"));
  VALENCE_TRY(auto pattern, parse_split_pattern(pattern_json));
  SplitOptions options;
  VALENCE_TRY(const std::string behavior, json.string("behavior"));
  VALENCE_TRY(options.behavior, parse_behavior(json, behavior));
  VALENCE_TRY(options.invert, json.boolean("invert"));
  return make<PreTokenizer, SplitPreTokenizer>(std::move(pattern), options);
}

/// trim_offsets is the post-processor's affair; here the reference reads it and makes no use of it.
Parsed<PreTokenizer> parse_byte_level(const Json& json) {
  ByteLevelOptions options;
  VALENCE_TRY(options.add_prefix_space, json.boolean("add_prefix_space"));
  VALENCE_TRY_STATUS(json.boolean("trim_offsets").map([](bool) {}));
  VALENCE_TRY(const bool use_regex, json.boolean_or("use_regex", true));
  if (!use_regex) options.pattern.reset();
  return make<PreTokenizer, ByteLevelPreTokenizer>(options);
}

Result<PrependScheme> parse_prepend_scheme(const Json& json) {
  struct Named {
    std::string_view name;
    PrependScheme scheme;
  };
  static constexpr Named kSchemes[] = {
      {"always", PrependScheme::kAlways}, {"first", PrependScheme::kFirst}, {"never", PrependScheme::kNever}};
  VALENCE_TRY(const std::string name, json.string_or("prepend_scheme", "always"));
  for (const auto& known : kSchemes) {
    if (known.name == name) return known.scheme;
  }
  return not_supported(json, "prepend_scheme", name, kSchemes);
}

/// add_prefix_space is what files from before prepend_scheme have; str_rep, once a copy of replacement, means nothing.
Parsed<PreTokenizer> parse_metaspace(const Json& json) {
  MetaspaceOptions options;
  VALENCE_TRY(const Json replacement, json.at("replacement"));
  VALENCE_TRY(const std::string text, replacement.as_string());
  const std::u32string characters = to_code_points(text);
  if (characters.size() != 1) return replacement.invalid("expected one character");
  options.replacement = characters.front();
  VALENCE_TRY(options.prepend_scheme, parse_prepend_scheme(json));
  VALENCE_TRY(const bool add_prefix_space, json.boolean_or("add_prefix_space", true));
  if (!add_prefix_space && options.prepend_scheme != PrependScheme::kNever) {
    return json.invalid("add_prefix_space is false, but prepend_scheme is not \"never\"",
                        "set prepend_scheme to \"never\"");
  }
  VALENCE_TRY(options.split, json.boolean_or("split", true));
  return make<PreTokenizer, MetaspacePreTokenizer>(options);
}

Parsed<PreTokenizer> parse_digits(const Json& json) {
  VALENCE_TRY(const bool individual_digits, json.boolean_or("individual_digits", false));
  return make<PreTokenizer, DigitsPreTokenizer>(individual_digits);
}

Parsed<PreTokenizer> parse_char_delimiter_split(const Json& json) {
  VALENCE_TRY(const char32_t delimiter, parse_character(json, "delimiter"));
  return make<PreTokenizer, SplitPreTokenizer>(LiteralSearch(std::u32string(1, delimiter)),
                                               SplitOptions{.behavior = SplitBehavior::kRemoved});
}

Parsed<PreTokenizer> parse_fixed_length(const Json& json) {
  VALENCE_TRY(const std::int64_t length, json.integer_or("length", FixedLengthPreTokenizer::kDefaultLength));
  if (length < 1) return json.invalid(fmt::format("length {}: expected at least 1", length));
  return make<PreTokenizer, FixedLengthPreTokenizer>(static_cast<std::size_t>(length));
}

Parsed<PreTokenizer> parse_pre_tokenizer_sequence(const Json& json) {
  VALENCE_TRY(auto steps, parse_steps<PreTokenizer>(json, "pretokenizers", parse_pre_tokenizer));
  return make<PreTokenizer, PreTokenizerSequence>(std::move(steps));
}

// --- models

Parsed<Model> parse_word_piece(const Json& json, Vocabulary vocabulary) {
  WordPieceOptions options;
  VALENCE_TRY(options.unk_token, json.string("unk_token"));
  VALENCE_TRY(options.continuing_subword_prefix, json.string("continuing_subword_prefix"));
  VALENCE_TRY(options.max_input_chars_per_word, json.integer("max_input_chars_per_word"));
  VALENCE_TRY(auto model, WordPiece::build(std::move(vocabulary), options, json.where()));
  return std::unique_ptr<const Model>(std::move(model));
}

Parsed<Model> parse_bpe(const Json& json, Vocabulary vocabulary, const MergeRules& merges) {
  VALENCE_TRY(const Json list, json.at("merges"));
  if (!list.is_array()) return list.invalid("expected an array of merges");
  VALENCE_TRY(const double dropout, json.number_or("dropout", 0));
  if (dropout != 0) {
    return fail(
        ErrorCode::kUnsupported, json.where(),
        fmt::format("dropout {} leaves merges out at random: a text would have other tokens each time", dropout),
        "dropout is for training; set it to null");
  }
  BpeOptions options;
  if (const auto unk_token = json.find("unk_token")) {
    VALENCE_TRY(options.unk_token, unk_token->as_string());
  }
  VALENCE_TRY(options.continuing_subword_prefix, json.string_or("continuing_subword_prefix", ""));
  VALENCE_TRY(options.end_of_word_suffix, json.string_or("end_of_word_suffix", ""));
  VALENCE_TRY(options.fuse_unk, json.boolean_or("fuse_unk", false));
  VALENCE_TRY(options.byte_fallback, json.boolean_or("byte_fallback", false));
  VALENCE_TRY(options.ignore_merges, json.boolean_or("ignore_merges", false));
  VALENCE_TRY(auto model, Bpe::build(std::move(vocabulary), merges, options, json.where()));
  return std::unique_ptr<const Model>(std::move(model));
}

Parsed<Model> parse_unigram(const Json& json, ScoredVocabulary vocabulary) {
  UnigramOptions options;
  const auto unk_id = json.find("unk_id");
  if (!unk_id) {
    return fail(ErrorCode::kUnsupported, json.where(),
                "a Unigram without unk_id: the reference fails at the first unknown character",
                "set unk_id to the id of the token for unknown characters");
  }
  VALENCE_TRY(options.unk_id, unk_id->as_integer());
  VALENCE_TRY(options.byte_fallback, json.boolean_or("byte_fallback", false));
  VALENCE_TRY(auto model, Unigram::build(std::move(vocabulary), options, json.where()));
  return std::unique_ptr<const Model>(std::move(model));
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
      {"Nmt", [](const Json&) { return make<Normalizer, Nmt>(); }},
      {"Precompiled", parse_precompiled},
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
      {"CharDelimiterSplit", parse_char_delimiter_split},
      {"FixedLength", parse_fixed_length},
      {"Split", parse_split},
      {"ByteLevel", parse_byte_level},
      {"Metaspace", parse_metaspace},
  };
  return parse_stage<PreTokenizer>(json, "pre_tokenizer", kTypes);
}

Result<std::unique_ptr<const Model>> parse_model(const Json& json, ExtractedModel extracted) {
  static constexpr std::string_view kKnown = "valence knows BPE, Unigram and WordPiece; use a model with one of these";
  // Old files leave `type` out; then only Unigram's vocabulary is a list, only BPE has merges, and only WordPiece the
  // longest word.
  const std::string guess = extracted.scored                        ? "Unigram"
                            : json.find("merges")                   ? "BPE"
                            : json.find("max_input_chars_per_word") ? "WordPiece"
                                                                    : "unnamed";
  VALENCE_TRY(const std::string type, json.string_or("type", guess));
  if (type != "WordPiece" && type != "BPE" && type != "Unigram") {
    return fail(ErrorCode::kUnsupported, json.where(), fmt::format("model \"{}\" is not supported", type),
                std::string(kKnown));
  }
  if ((type == "Unigram") != extracted.scored.has_value()) {
    VALENCE_TRY(const Json vocab, json.at("vocab"));
    return vocab.invalid(extracted.scored ? "expected an object from tokens to ids"
                                          : "expected an array of [token, score]");
  }
  if (extracted.scored) return parse_unigram(json, *std::move(extracted.scored));
  const std::string where = fmt::format("{}.vocab", json.where());
  VALENCE_TRY(auto vocabulary, Vocabulary::build(std::move(extracted.vocabulary).value_or(VocabularyEntries{}),
                                                 RepeatedToken::kRefused, where));
  if (type == "WordPiece") return parse_word_piece(json, std::move(vocabulary));
  return parse_bpe(json, std::move(vocabulary), extracted.merges.value_or(MergeRules{}));
}

Result<char32_t> parse_character(const Json& json, std::string_view key) {
  VALENCE_TRY(const Json value, json.at(key));
  VALENCE_TRY(const std::string text, value.as_string());
  const std::u32string characters = to_code_points(text);
  if (characters.size() != 1) return value.invalid("expected a single character");
  return characters.front();
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
