#include <fmt/format.h>

#include <string>

#include "valence/base/base64.h"
#include "valence/tokenizer/character_map.h"
#include "valence/tokenizer/ggml_vocabulary.h"
#include "valence/tokenizer/tokenizer_json.h"

namespace valence::tokenizer {
namespace {

std::string scored_json(const GgmlVocabulary& given) {
  // Rows after the last token have names too, and scores that would count as the lowest.
  std::size_t count = given.tokens.size();
  while (count > 0 && given.type_of(count - 1) == GgmlVocabulary::kUnused) --count;
  std::string json = "[";
  for (std::size_t id = 0; id < count; ++id) {
    json += fmt::format("{}[{},{}]", id == 0 ? "" : ",", json_string(given.tokens[id]), (*given.scores)[id]);
  }
  return json + ']';
}

}  // namespace

Result<std::string> ggml_unigram_json(const GgmlVocabulary& vocabulary, const std::string& where) {
  VALENCE_TRY_STATUS(check_ggml_vocabulary(vocabulary, where));
  const auto& tokens = vocabulary.tokens;
  if (!vocabulary.scores)
    return fail(ErrorCode::kInvalidData, where, "the metadata has no key \"tokenizer.ggml.scores\"");
  VALENCE_TRY(const std::int64_t unk, ggml_special_id(vocabulary.unk, "unknown", "<unk>", tokens, where));
  VALENCE_TRY(const std::int64_t bos, ggml_special_id(vocabulary.bos, "beginning", "<s>", tokens, where));
  VALENCE_TRY(const std::int64_t eos, ggml_special_id(vocabulary.eos, "end", "</s>", tokens, where));
  const auto token = [&](std::int64_t id) { return json_string(tokens[static_cast<std::size_t>(id)]); };
  TokenizerJson json;
  if (!vocabulary.precompiled_charsmap.empty()) {
    if (!CharacterMap::parse(vocabulary.precompiled_charsmap, where)) {
      return fail(ErrorCode::kInvalidData, where, "tokenizer.ggml.precompiled_charsmap is no character map");
    }
    json.normalizer = fmt::format(R"({{"type":"Precompiled","precompiled_charsmap":"{}"}})",
                                  encode_base64(vocabulary.precompiled_charsmap));
  }
  // White space ends words, and each begins with a visible space: XLMRobertaTokenizer of transformers.
  const std::string metaspace =
      fmt::format(R"({{"type":"Metaspace","replacement":"\u2581","prepend_scheme":"{}","split":true}})",
                  vocabulary.add_space_prefix.value_or(true) ? "always" : "never");
  json.pre_tokenizer =
      fmt::format(R"({{"type":"Sequence","pretokenizers":[{{"type":"WhitespaceSplit"}},{}]}})", metaspace);
  json.decoder = metaspace;
  json.post_processor = fmt::format(
      R"({{"type":"RobertaProcessing","sep":[{},{}],"cls":[{},{}],"trim_offsets":false,"add_prefix_space":false}})",
      token(eos), eos, token(bos), bos);
  json.model =
      fmt::format(R"({{"type":"Unigram","unk_id":{},"byte_fallback":false,"vocab":{}}})", unk, scored_json(vocabulary));
  VALENCE_TRY(json.added_tokens, ggml_added_tokens(vocabulary, tokens, where));
  // As published tokenizers have it: the mask token takes the white space before it.
  for (AddedToken& each : json.added_tokens) each.lstrip = vocabulary.mask == each.id;
  return json.text();
}

}  // namespace valence::tokenizer
