#include "valence/tokenizer/legacy_bpe.h"

#include <fmt/format.h>

#include <array>
#include <span>
#include <utility>

#include "valence/tokenizer/bpe.h"
#include "valence/tokenizer/byte_level.h"
#include "valence/tokenizer/legacy_family.h"
#include "valence/tokenizer/legacy_special_tokens.h"
#include "valence/tokenizer/vocabulary_json.h"

namespace valence::tokenizer {
namespace {

constexpr NamedFamily<BpeFamily> kTokenizerClasses[] = {
    {"RobertaTokenizer", BpeFamily::kRoberta}, {"LongformerTokenizer", BpeFamily::kRoberta},
    {"BartTokenizer", BpeFamily::kRoberta},    {"LEDTokenizer", BpeFamily::kRoberta},
    {"GPT2Tokenizer", BpeFamily::kGpt2},
};

// As transformers' AutoTokenizer maps them.
constexpr NamedFamily<BpeFamily> kModelTypes[] = {
    {"roberta", BpeFamily::kRoberta},
    {"roberta-prelayernorm", BpeFamily::kRoberta},
    {"longformer", BpeFamily::kRoberta},
    {"bart", BpeFamily::kRoberta},
    {"data2vec-text", BpeFamily::kRoberta},
    {"ibert", BpeFamily::kRoberta},
    {"lilt", BpeFamily::kRoberta},
    {"gpt2", BpeFamily::kGpt2},
    {"gpt_neo", BpeFamily::kGpt2},
    {"gptj", BpeFamily::kGpt2},
    {"opt", BpeFamily::kGpt2},
    {"phi", BpeFamily::kGpt2},
};

Result<BpeFamily> known_family(const Json& name, std::span<const NamedFamily<BpeFamily>> known,
                               std::string_view suffix = {}) {
  VALENCE_TRY(const auto family, family_of(name, known, suffix));
  if (family) return *family;
  VALENCE_TRY(const std::string written, name.as_string());
  return fail(ErrorCode::kUnsupported, name.where(),
              fmt::format("{}: not a tokenizer that valence can make of vocab.json and merges.txt", in_quotes(written)),
              "save the tokenizer with save_pretrained() of a newer transformers, which writes tokenizer.json");
}

Result<PostProcessor> roberta_post_processor(const TokenSettings& settings, const AddedTokens& added,
                                             bool add_prefix_space, const std::string& where) {
  VALENCE_TRY(const AddedToken cls, named_special_token(settings, "cls_token", "<s>"));
  VALENCE_TRY(const AddedToken sep, named_special_token(settings, "sep_token", "</s>"));
  VALENCE_TRY(const std::int32_t cls_id, required_id(added, cls, "classification", where));
  VALENCE_TRY(const std::int32_t sep_id, required_id(added, sep, "separator", where));
  PostProcessor post_processor = PostProcessor::roberta(cls_id, sep_id);
  VALENCE_TRY(const bool trim_offsets, settings.boolean("trim_offsets", true));
  if (trim_offsets) post_processor.trims.push_back({.add_prefix_space = add_prefix_space});
  return post_processor;
}

/// [bos] A [eos] and [bos] A [eos] [bos] B [eos], the second three of type 1.
Result<PostProcessor> gpt2_post_processor(const TokenSettings& settings, const AddedTokens& added,
                                          const std::string& where) {
  const auto token_of = [&](bool wanted, std::string_view key,
                            std::string_view role) -> Result<std::vector<std::int32_t>> {
    if (!wanted) return std::vector<std::int32_t>();
    VALENCE_TRY(const AddedToken token, named_special_token(settings, key, "<|endoftext|>"));
    VALENCE_TRY(const std::int32_t id, required_id(added, token, role, where));
    return std::vector{id};
  };
  VALENCE_TRY(const bool add_bos, settings.boolean("add_bos_token", false));
  VALENCE_TRY(const bool add_eos, settings.boolean("add_eos_token", false));
  VALENCE_TRY(const auto bos, token_of(add_bos, "bos_token", "beginning"));
  VALENCE_TRY(const auto eos, token_of(add_eos, "eos_token", "end"));
  return PostProcessor::around_each(bos, eos);
}

constexpr RoleDefault kRobertaRoles[] = {{"bos_token", "<s>"},    {"eos_token", "</s>"},  {"unk_token", "<unk>"},
                                         {"sep_token", "</s>"},   {"pad_token", "<pad>"}, {"cls_token", "<s>"},
                                         {"mask_token", "<mask>"}};
constexpr RoleDefault kGpt2Roles[] = {
    {"bos_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}, {"unk_token", "<|endoftext|>"}};

}  // namespace

Result<BpeFamily> find_bpe_family(const std::optional<Json>& tokenizer_config, const std::optional<Json>& model_config,
                                  const std::string& directory) {
  if (const auto name = tokenizer_config ? tokenizer_config->find("tokenizer_class") : std::nullopt) {
    return known_family(*name, kTokenizerClasses, "Fast");
  }
  if (const auto name = model_config ? model_config->find("model_type") : std::nullopt) {
    return known_family(*name, kModelTypes);
  }
  return fail(ErrorCode::kInvalidData, directory, "vocab.json and merges.txt do not say which tokenizer they are of",
              "set tokenizer_class in tokenizer_config.json to RobertaTokenizer or GPT2Tokenizer");
}

Result<std::shared_ptr<Tokenizer::Parts>> build_from_bpe_files(BpeFamily family, const BpeFiles& files,
                                                               const TokenSettings& settings) {
  VALENCE_TRY(auto entries, read_vocab_json(files.vocab_json, files.vocab_name));
  VALENCE_TRY(auto vocabulary, Vocabulary::build(std::move(entries), RepeatedToken::kRefused, files.vocab_name));
  VALENCE_TRY(const auto merges, read_merges_txt(files.merges_txt, files.merges_name));
  auto parts = std::make_shared<Tokenizer::Parts>();
  VALENCE_TRY(parts->model, Bpe::build(std::move(vocabulary), merges, {}, fmt::format("{}: model", files.merges_name)));

  VALENCE_TRY(const bool add_prefix_space, settings.boolean("add_prefix_space", false));
  parts->pre_tokenizer =
      std::make_unique<const ByteLevelPreTokenizer>(ByteLevelOptions{.add_prefix_space = add_prefix_space});

  parts->decoder = std::make_unique<const ByteLevelDecoder>();
  const bool roberta = family == BpeFamily::kRoberta;
  const auto defaults =
      roberta ? std::span<const RoleDefault>(kRobertaRoles) : std::span<const RoleDefault>(kGpt2Roles);
  VALENCE_TRY(parts->added_tokens,
              collect_added_tokens(settings, {}, defaults, {}, parts->model->vocabulary(), nullptr, files.vocab_name));
  if (roberta) {
    VALENCE_TRY(parts->post_processor,
                roberta_post_processor(settings, parts->added_tokens, add_prefix_space, files.vocab_name));
  } else {
    VALENCE_TRY(parts->post_processor, gpt2_post_processor(settings, parts->added_tokens, files.vocab_name));
  }
  parts->choose_fast_path();
  return parts;
}

}  // namespace valence::tokenizer
