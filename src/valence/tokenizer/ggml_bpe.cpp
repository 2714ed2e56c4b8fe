#include <fmt/format.h>

#include <array>
#include <string>
#include <string_view>

#include "valence/base/json.h"
#include "valence/tokenizer/ggml_vocabulary.h"
#include "valence/tokenizer/merge_rules.h"
#include "valence/tokenizer/tokenizer_json.h"
#include "valence/tokenizer/word_patterns.h"

namespace valence::tokenizer {
namespace {

/// What stands around texts.
enum class Around {
  kEach,     ///< beginning and end around each of a pair
  kRoberta,  ///< <s> A </s> and <s> A </s> </s> B </s>
  kBert,     ///< [CLS] A [SEP] and [CLS] A [SEP] B [SEP]
};

/// A name that convert_hf_to_gguf.py gives to the tokenizers of some checkpoints, and what is in their tokenizer.json.
struct KnownPre {
  std::string_view name;
  WordPattern words;
  bool nfc = false;            ///< text is composed first
  bool ignore_merges = false;  ///< a word that is a token stays whole
  bool add_bos = false;        ///< where the file does not say
  bool lstrip_mask = false;    ///< the mask token takes the white space before it
  Around around = Around::kEach;
};
constexpr std::array kKnown = {
    KnownPre{.name = "gpt-2", .words = WordPattern::kGpt2},
    KnownPre{.name = "phi-2", .words = WordPattern::kGpt2},
    KnownPre{.name = "roberta-bpe",
             .words = WordPattern::kGpt2,
             .add_bos = true,
             .lstrip_mask = true,
             .around = Around::kRoberta},
    KnownPre{.name = "modern-bert",
             .words = WordPattern::kGpt2,
             .nfc = true,
             .add_bos = true,
             .lstrip_mask = true,
             .around = Around::kBert},
    KnownPre{.name = "llama-bpe", .words = WordPattern::kGpt4, .ignore_merges = true, .add_bos = true},
    KnownPre{.name = "llama3", .words = WordPattern::kGpt4, .ignore_merges = true, .add_bos = true},
    KnownPre{.name = "llama-v3", .words = WordPattern::kGpt4, .ignore_merges = true, .add_bos = true},
    KnownPre{.name = "qwen2", .words = WordPattern::kQwen2, .nfc = true},
    KnownPre{.name = "deepseek-r1-qwen", .words = WordPattern::kQwen2, .nfc = true, .add_bos = true},
};

Result<KnownPre> find_pre(const GgmlVocabulary& vocabulary, const std::string& where) {
  std::string names;
  for (const KnownPre& known : kKnown) {
    if (vocabulary.pre == known.name) return known;
    names += (names.empty() ? "" : ", ") + std::string(known.name);
  }
  constexpr auto kHint = "give the Hugging Face directory that this file was converted from";
  if (!vocabulary.pre) {
    return fail(ErrorCode::kUnsupported, where,
                "has no tokenizer.ggml.pre: without it nobody knows how its tokenizer cuts words", kHint);
  }
  return fail(ErrorCode::kUnsupported, where,
              fmt::format("tokenizer.ggml.pre {}: expected one of {}", in_quotes(*vocabulary.pre), names), kHint);
}

Result<MergeRules> merge_rules(const GgmlVocabulary& vocabulary, const std::string& where) {
  MergeRules rules;
  for (const std::string_view merge : vocabulary.merges) {
    VALENCE_TRY_STATUS(add_merge_line(merge, where, rules));
  }
  return rules;
}

/// What stands around texts, by `pre` and by what the file says.
Result<std::string> post_processor(const GgmlVocabulary& given, const KnownPre& pre, const std::string& where) {
  const bool pairs = pre.around != Around::kEach;
  const bool add_bos = given.add_bos.value_or(pre.add_bos);
  const bool add_eos = given.add_eos.value_or(pairs && add_bos);
  AroundTexts around;
  const auto special = [&](std::int64_t id) {
    return AroundTexts::Special{given.tokens[static_cast<std::size_t>(id)], static_cast<std::int32_t>(id)};
  };
  if (add_bos) {
    const auto id = pairs && given.cls ? given.cls : given.bos;
    VALENCE_TRY(const std::int64_t bos, ggml_special_id(id, "beginning", "", given.tokens, where));
    around.before.push_back(special(bos));
  }
  if (add_eos) {
    const auto id = pairs && given.sep ? given.sep : given.eos;
    VALENCE_TRY(const std::int64_t eos, ggml_special_id(id, "end", "", given.tokens, where));
    around.after.push_back(special(eos));
  }
  if (!pairs || !add_bos || !add_eos) return around_each_json(around);
  const std::string both = fmt::format(R"("sep":[{},{}],"cls":[{},{}])", json_string(around.after[0].content),
                                       around.after[0].id, json_string(around.before[0].content), around.before[0].id);
  if (pre.around == Around::kBert) return fmt::format(R"({{"type":"BertProcessing",{}}})", both);
  return fmt::format(R"({{"type":"RobertaProcessing",{},"trim_offsets":true,"add_prefix_space":{}}})", both,
                     given.add_space_prefix.value_or(false));
}

std::string pre_tokenizer(const KnownPre& pre, bool add_prefix_space) {
  const auto byte_level = [&](bool use_regex) {
    return fmt::format(R"({{"type":"ByteLevel","add_prefix_space":{},"trim_offsets":true,"use_regex":{}}})",
                       add_prefix_space, use_regex);
  };
  if (pre.words == WordPattern::kGpt2) return byte_level(true);
  return fmt::format(
      R"({{"type":"Sequence","pretokenizers":[{{"type":"Split","pattern":{{"Regex":{}}},"behavior":"Isolated","invert":false}},{}]}})",
      json_string(word_pattern_regex(pre.words)), byte_level(false));
}

}  // namespace

Result<std::string> ggml_bpe_json(const GgmlVocabulary& vocabulary, const std::string& where) {
  VALENCE_TRY_STATUS(check_ggml_vocabulary(vocabulary, where));
  VALENCE_TRY(const KnownPre pre, find_pre(vocabulary, where));
  VALENCE_TRY(const MergeRules merges, merge_rules(vocabulary, where + ": tokenizer.ggml.merges"));
  TokenizerJson json;
  if (pre.nfc) json.normalizer = R"({"type":"NFC"})";
  json.pre_tokenizer = pre_tokenizer(pre, vocabulary.add_space_prefix.value_or(false));
  json.decoder = R"({"type":"ByteLevel","add_prefix_space":true,"trim_offsets":true,"use_regex":true})";
  json.model = fmt::format(R"({{"type":"BPE","dropout":null,"unk_token":null,"continuing_subword_prefix":null,)"
                           R"("end_of_word_suffix":null,"fuse_unk":false,"byte_fallback":false,"ignore_merges":{},)"
                           R"("vocab":{},"merges":{}}})",
                           pre.ignore_merges, vocabulary_json(vocabulary, vocabulary.tokens), merges_json(merges));
  VALENCE_TRY(json.added_tokens, ggml_added_tokens(vocabulary, vocabulary.tokens, where));
  for (AddedToken& token : json.added_tokens) token.lstrip = pre.lstrip_mask && vocabulary.mask == token.id;
  VALENCE_TRY(json.post_processor, post_processor(vocabulary, pre, where));
  return json.text();
}

}  // namespace valence::tokenizer
