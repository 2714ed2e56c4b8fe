#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "valence/base/json.h"
#include "valence/tokenizer/bpe.h"
#include "valence/tokenizer/byte_level.h"
#include "valence/tokenizer/ggml_vocabulary.h"
#include "valence/tokenizer/tokenizer_parts.h"

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

Result<PostProcessor> post_processor(const GgmlVocabulary& given, const KnownPre& pre, const std::string& where) {
  const bool pairs = pre.around != Around::kEach;
  const bool add_bos = given.add_bos.value_or(pre.add_bos);
  const bool add_eos = given.add_eos.value_or(pairs && add_bos);
  std::vector<std::int32_t> before;
  std::vector<std::int32_t> after;
  if (add_bos) {
    const auto id = pairs && given.cls ? given.cls : given.bos;
    VALENCE_TRY(const std::int64_t bos, ggml_special_id(id, "beginning", "", given.tokens, where));
    before.push_back(static_cast<std::int32_t>(bos));
  }
  if (add_eos) {
    const auto id = pairs && given.sep ? given.sep : given.eos;
    VALENCE_TRY(const std::int64_t eos, ggml_special_id(id, "end", "", given.tokens, where));
    after.push_back(static_cast<std::int32_t>(eos));
  }
  if (!pairs || !add_bos || !add_eos) return PostProcessor::around_each(before, after);
  if (pre.around == Around::kBert) return PostProcessor::bert(before[0], after[0]);
  PostProcessor roberta = PostProcessor::roberta(before[0], after[0]);
  roberta.trims.push_back({.add_prefix_space = given.add_space_prefix.value_or(false)});
  return roberta;
}

}  // namespace

Result<Tokenizer> build_ggml_bpe(const GgmlVocabulary& vocabulary, const std::string& where) {
  VALENCE_TRY_STATUS(check_ggml_vocabulary(vocabulary, where));
  VALENCE_TRY(const KnownPre pre, find_pre(vocabulary, where));
  VocabularyEntries entries;
  for (std::size_t id = 0; id < vocabulary.tokens.size(); ++id) {
    entries.add(vocabulary.tokens[id], static_cast<std::int64_t>(id));
  }
  VALENCE_TRY(auto known, Vocabulary::build(std::move(entries), RepeatedToken::kLaterWins, where));
  VALENCE_TRY(const MergeRules merges, merge_rules(vocabulary, where + ": tokenizer.ggml.merges"));
  auto parts = std::make_shared<Tokenizer::Parts>();
  parts->decoder = std::make_unique<const ByteLevelDecoder>();
  VALENCE_TRY(parts->model, Bpe::build(std::move(known), merges, {.ignore_merges = pre.ignore_merges}, where));
  if (pre.nfc) parts->normalizer = std::make_unique<const UnicodeNormalizer>(UnicodeForm::kNfc);
  const bool prefix = vocabulary.add_space_prefix.value_or(false);
  if (pre.words == WordPattern::kGpt2) {
    parts->pre_tokenizer = std::make_unique<const ByteLevelPreTokenizer>(ByteLevelOptions{.add_prefix_space = prefix});
  } else {
    std::vector<std::unique_ptr<const PreTokenizer>> steps;
    steps.push_back(std::make_unique<const SplitPreTokenizer>(pre.words, SplitOptions{}));
    steps.push_back(std::make_unique<const ByteLevelPreTokenizer>(
        ByteLevelOptions{.add_prefix_space = prefix, .pattern = std::nullopt}));
    parts->pre_tokenizer = std::make_unique<const PreTokenizerSequence>(std::move(steps));
  }
  VALENCE_TRY(auto added, ggml_added_tokens(vocabulary, vocabulary.tokens, where));
  for (AddedToken& token : added) token.lstrip = pre.lstrip_mask && vocabulary.mask == token.id;
  VALENCE_TRY(parts->added_tokens,
              AddedTokens::build(added, parts->model->vocabulary(), parts->normalizer.get(), where));
  VALENCE_TRY(parts->post_processor, post_processor(vocabulary, pre, where));
  parts->choose_fast_path();
  return Tokenizer(std::move(parts));
}

}  // namespace valence::tokenizer
