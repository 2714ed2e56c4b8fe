/// \file
/// decoder of tokenizer.json.

#include <fmt/format.h>

#include "valence/tokenizer/component_parser.h"
#include "valence/tokenizer/stage_parser.h"

namespace valence::tokenizer {
namespace {

/// A member that is a string, not empty: what is looked for in tokens.
Result<std::string> literal_or(const Json& json, std::string_view key, const char* fallback) {
  VALENCE_TRY(std::string literal, json.string_or(key, fallback));
  if (literal.empty()) return json.invalid(fmt::format("{}: expected a string that is not empty", key));
  return literal;
}

Parsed<Decoder> parse_word_piece(const Json& json) {
  VALENCE_TRY(std::string prefix, json.string("prefix"));
  VALENCE_TRY(const bool cleanup, json.boolean("cleanup"));
  return make<Decoder, WordPieceDecoder>(std::move(prefix), cleanup);
}

/// Old files say add_prefix_space instead of prepend_scheme.
Parsed<Decoder> parse_metaspace(const Json& json) {
  VALENCE_TRY(const char32_t replacement, parse_character(json, "replacement"));
  VALENCE_TRY(const bool add_prefix_space, json.boolean_or("add_prefix_space", true));
  VALENCE_TRY(const std::string scheme, json.string_or("prepend_scheme", add_prefix_space ? "always" : "never"));
  if (scheme != "always" && scheme != "first" && scheme != "never") {
    return json.invalid(fmt::format("prepend_scheme {}: expected always, first or never", in_quotes(scheme)));
  }
  return make<Decoder, MetaspaceDecoder>(replacement, scheme != "never");
}

Parsed<Decoder> parse_bpe(const Json& json) {
  VALENCE_TRY(std::string suffix, literal_or(json, "suffix", "</w>"));
  return make<Decoder, BpeDecoder>(std::move(suffix));
}

Result<ReplaceDecoder::Pattern> parse_pattern(const Json& json) {
  if (!json.find("Regex")) return literal_or(json, "String", "");
  VALENCE_TRY(const std::string regex, json.string("Regex"));
  return Regex::compile(regex, json.where());
}

Parsed<Decoder> parse_replace(const Json& json) {
  VALENCE_TRY(const Json pattern_json, json.at("pattern"));
  VALENCE_TRY(auto pattern, parse_pattern(pattern_json));
  VALENCE_TRY(std::string content, json.string("content"));
  return make<Decoder, ReplaceDecoder>(std::move(pattern), std::move(content));
}

Parsed<Decoder> parse_strip(const Json& json) {
  VALENCE_TRY(const char32_t content, parse_character(json, "content"));
  VALENCE_TRY(const std::int64_t start, json.integer("start"));
  VALENCE_TRY(const std::int64_t stop, json.integer("stop"));
  if (start < 0 || stop < 0) return json.invalid("start and stop: expected numbers from 0 on");
  return make<Decoder, StripDecoder>(content, static_cast<std::size_t>(start), static_cast<std::size_t>(stop));
}

Parsed<Decoder> parse_ctc(const Json& json) {
  VALENCE_TRY(std::string pad_token, literal_or(json, "pad_token", "<pad>"));
  VALENCE_TRY(std::string word_delimiter_token, literal_or(json, "word_delimiter_token", "|"));
  VALENCE_TRY(const bool cleanup, json.boolean_or("cleanup", true));
  return make<Decoder, CtcDecoder>(std::move(pad_token), std::move(word_delimiter_token), cleanup);
}

Parsed<Decoder> parse_sequence(const Json& json) {
  VALENCE_TRY(auto steps, parse_steps<Decoder>(json, "decoders", parse_decoder));
  return make<Decoder, DecoderSequence>(std::move(steps));
}

}  // namespace

Result<std::unique_ptr<const Decoder>> parse_decoder(const Json& json) {
  static const StageType<Decoder> kTypes[] = {
      {"WordPiece", parse_word_piece},
      {"ByteLevel", [](const Json&) { return make<Decoder, ByteLevelDecoder>(); }},
      {"Metaspace", parse_metaspace},
      {"BPEDecoder", parse_bpe},
      {"Replace", parse_replace},
      {"Strip", parse_strip},
      {"Fuse", [](const Json&) { return make<Decoder, FuseDecoder>(); }},
      {"ByteFallback", [](const Json&) { return make<Decoder, ByteFallbackDecoder>(); }},
      {"CTC", parse_ctc},
      {"Sequence", parse_sequence},
  };
  return parse_stage<Decoder>(json, "decoder", kTypes);
}

}  // namespace valence::tokenizer
