#include "valence/tokenizer/legacy_sentencepiece.h"

#include <fmt/format.h>

#include <span>
#include <utility>
#include <vector>

#include "valence/tokenizer/decoders.h"
#include "valence/tokenizer/legacy_family.h"
#include "valence/tokenizer/metaspace.h"
#include "valence/tokenizer/precompiled.h"
#include "valence/tokenizer/sentencepiece_model.h"
#include "valence/tokenizer/unigram.h"

namespace valence::tokenizer {
namespace {

using Family = SentencePieceFamily;

constexpr NamedFamily<Family> kTokenizerClasses[] = {
    {"AlbertTokenizer", Family::kAlbert},         {"CamembertTokenizer", Family::kCamembert},
    {"DebertaV2Tokenizer", Family::kDebertaV2},   {"T5Tokenizer", Family::kT5},
    {"XLMRobertaTokenizer", Family::kXlmRoberta},
};

// As transformers' AutoTokenizer maps them.
constexpr NamedFamily<Family> kModelTypes[] = {
    {"albert", Family::kAlbert},
    {"camembert", Family::kCamembert},
    {"deberta-v2", Family::kDebertaV2},
    {"mt5", Family::kT5},
    {"t5", Family::kT5},
    {"xlm-roberta", Family::kXlmRoberta},
    {"xlm-roberta-xl", Family::kXlmRoberta},
    {"xmod", Family::kXlmRoberta},
};

constexpr RoleDefault kBracketed[] = {{"bos_token", "[CLS]"},  {"eos_token", "[SEP]"}, {"unk_token", "[UNK]"},
                                      {"sep_token", "[SEP]"},  {"pad_token", "[PAD]"}, {"cls_token", "[CLS]"},
                                      {"mask_token", "[MASK]"}};
constexpr RoleDefault kAlbertRoles[] = {{"bos_token", "[CLS]"},  {"eos_token", "[SEP]"}, {"unk_token", "<unk>"},
                                        {"sep_token", "[SEP]"},  {"pad_token", "<pad>"}, {"cls_token", "[CLS]"},
                                        {"mask_token", "[MASK]"}};
constexpr RoleDefault kXlmRobertaRoles[] = {{"bos_token", "<s>"},    {"eos_token", "</s>"},  {"unk_token", "<unk>"},
                                            {"sep_token", "</s>"},   {"pad_token", "<pad>"}, {"cls_token", "<s>"},
                                            {"mask_token", "<mask>"}};
constexpr RoleDefault kCamembertRoles[] = {
    {"bos_token", "<s>"},   {"eos_token", "</s>"}, {"unk_token", "<unk>"},        {"sep_token", "</s>"},
    {"pad_token", "<pad>"}, {"cls_token", "<s>"},  {"mask_token", "<mask>", true}};
constexpr RoleDefault kT5Roles[] = {{"eos_token", "</s>"}, {"unk_token", "<unk>"}, {"pad_token", "<pad>"}};

struct FamilyTraits {
  std::string_view model_file;
  std::span<const RoleDefault> roles;
};
FamilyTraits traits_of(Family family) {
  switch (family) {
    case Family::kAlbert:
      return {"spiece.model", kAlbertRoles};
    case Family::kCamembert:
      return {"sentencepiece.bpe.model", kCamembertRoles};
    case Family::kDebertaV2:
      return {"spm.model", kBracketed};
    case Family::kT5:
      return {"spiece.model", kT5Roles};
    case Family::kXlmRoberta:
      return {"sentencepiece.bpe.model", kXlmRobertaRoles};
  }
  return {};
}

/// Puts the stages of one family together, step by step.
class Builder {
 public:
  Builder(Family family, const SentencePieceModel& model, const std::string& where, const TokenSettings& settings)
      : family_(family), model_(model), where_(where), settings_(settings) {}

  Result<std::shared_ptr<Tokenizer::Parts>> build() {
    VALENCE_TRY_STATUS(read_settings());
    auto parts = std::make_shared<Tokenizer::Parts>();
    VALENCE_TRY(parts->model, make_model());
    VALENCE_TRY(parts->normalizer, make_normalizer());
    parts->pre_tokenizer = make_pre_tokenizer();
    parts->decoder = std::make_unique<const MetaspaceDecoder>(kMetaspace, prepend_scheme() != PrependScheme::kNever);
    VALENCE_TRY(const auto own, own_tokens());
    VALENCE_TRY(parts->added_tokens, collect_added_tokens(settings_, {}, traits_of(family_).roles, own,
                                                          parts->model->vocabulary(), parts->normalizer.get(), where_));
    VALENCE_TRY(parts->post_processor, make_post_processor(parts->added_tokens));
    parts->choose_fast_path();
    return parts;
  }

 private:
  Status read_settings();
  [[nodiscard]] const AddedToken& role(std::string_view key) const;
  [[nodiscard]] ScoredVocabulary vocabulary() const;
  [[nodiscard]] std::int64_t unk_id(const ScoredVocabulary& vocabulary) const;
  Result<std::unique_ptr<const Model>> make_model() const;
  Result<std::unique_ptr<const Normalizer>> make_normalizer() const;
  [[nodiscard]] PrependScheme prepend_scheme() const;
  [[nodiscard]] std::unique_ptr<const PreTokenizer> make_pre_tokenizer() const;
  Result<std::vector<AddedToken>> own_tokens() const;
  Result<PostProcessor> make_post_processor(const AddedTokens& added) const;

  Family family_;
  const SentencePieceModel& model_;
  const std::string& where_;
  const TokenSettings& settings_;
  std::vector<AddedToken> roles_;  // as traits_of(family_).roles lists them
  bool do_lower_case_ = false;
  bool keep_accents_ = false;
  bool split_by_punct_ = false;
  bool add_prefix_space_ = true;
  std::int64_t extra_ids_ = 0;
};

Status Builder::read_settings() {
  for (const RoleDefault& each : traits_of(family_).roles) {
    VALENCE_TRY(auto token, named_special_token(settings_, each.key, each.token));
    roles_.push_back(std::move(token));
  }
  VALENCE_TRY(do_lower_case_, settings_.boolean("do_lower_case", family_ == Family::kAlbert));
  VALENCE_TRY(keep_accents_, settings_.boolean("keep_accents", false));
  VALENCE_TRY(split_by_punct_, settings_.boolean("split_by_punct", false));
  VALENCE_TRY(add_prefix_space_, settings_.boolean("add_prefix_space", true));
  if (family_ == Family::kT5) {
    constexpr std::int64_t kMaxExtraIds = 10'000;  // T5 has 100
    extra_ids_ = 100;
    const auto setting = settings_.find("extra_ids");
    if (setting) {
      VALENCE_TRY(extra_ids_, setting->as_integer());
      if (extra_ids_ < 0 || extra_ids_ > kMaxExtraIds) {
        return setting->invalid(fmt::format("{}: expected 0 to {}", extra_ids_, kMaxExtraIds));
      }
    }
  }
  return {};
}

const AddedToken& Builder::role(std::string_view key) const {
  std::size_t at = 0;
  while (traits_of(family_).roles[at].key != key) ++at;
  return roles_[at];
}

/// The pieces with the ids that the family gives them. fairseq, which trained XLM-RoBERTa and CamemBERT, put tokens of
/// its own before them in place of SentencePiece's control pieces, and a mask after them.
ScoredVocabulary Builder::vocabulary() const {
  ScoredVocabulary vocabulary;
  std::size_t skipped = 0;
  if (family_ == Family::kXlmRoberta) {
    for (const auto* key : {"bos_token", "pad_token", "eos_token", "unk_token"}) vocabulary.add(role(key).content, 0);
    skipped = 3;
  } else if (family_ == Family::kCamembert) {
    vocabulary.add("<s>NOTUSED", 0);
    vocabulary.add(role("pad_token").content, 0);
    vocabulary.add("</s>NOTUSED", 0);
    vocabulary.add(role("unk_token").content, 0);
    vocabulary.add("<unk>NOTUSED", -100);
    skipped = 1;
  }
  for (std::size_t i = skipped; i < model_.pieces.size(); ++i) {
    vocabulary.add(model_.pieces[i].text, model_.pieces[i].score);
  }
  if (skipped > 0) vocabulary.add(role("mask_token").content, 0);
  for (std::int64_t i = extra_ids_; i-- > 0;) vocabulary.add(fmt::format("<extra_id_{}>", i), 0);
  return vocabulary;
}

std::int64_t Builder::unk_id(const ScoredVocabulary& vocabulary) const {
  switch (family_) {
    case Family::kAlbert:
      return 1;
    case Family::kT5:
      return 2;
    case Family::kCamembert:
    case Family::kXlmRoberta:
      return 3;
    case Family::kDebertaV2:
      break;
  }
  // The token's own place counts, but only with its usual score.
  const std::string& unk_token = role("unk_token").content;
  for (std::size_t id = 0; id < model_.pieces.size(); ++id) {
    if (model_.pieces[id].text == unk_token && vocabulary.scores[id] == 0) return static_cast<std::int64_t>(id);
  }
  return model_.unk_id;
}

Result<std::unique_ptr<const Model>> Builder::make_model() const {
  auto scored = vocabulary();
  const UnigramOptions options{.unk_id = unk_id(scored)};
  VALENCE_TRY(auto model, Unigram::build(std::move(scored), options, where_));
  return std::unique_ptr<const Model>(std::move(model));
}

Result<std::unique_ptr<const Normalizer>> Builder::make_normalizer() const {
  std::vector<std::unique_ptr<const Normalizer>> steps;
  if (family_ == Family::kDebertaV2) {
    if (do_lower_case_) steps.push_back(std::make_unique<const Lowercase>());
    steps.push_back(std::make_unique<const ReplaceRuns>(*RunPattern::parse(R"(\s{2,}|[\n\r\t])"), " "));
    steps.push_back(std::make_unique<const UnicodeNormalizer>(UnicodeForm::kNfc));
    steps.push_back(std::make_unique<const Strip>(false, true));
  } else {
    if (family_ == Family::kAlbert) {
      steps.push_back(std::make_unique<const Replace>("``", "\""));
      steps.push_back(std::make_unique<const Replace>("''", "\""));
      if (!keep_accents_) {
        steps.push_back(std::make_unique<const UnicodeNormalizer>(UnicodeForm::kNfkd));
        steps.push_back(std::make_unique<const StripAccents>());
      }
      if (do_lower_case_) steps.push_back(std::make_unique<const Lowercase>());
    }
    if (!model_.precompiled_charsmap.empty()) {
      VALENCE_TRY(auto map,
                  CharacterMap::parse(model_.precompiled_charsmap, fmt::format("{}: precompiled_charsmap", where_)));
      steps.push_back(std::make_unique<const Precompiled>(std::move(map)));
    }
  }
  return std::unique_ptr<const Normalizer>(std::make_unique<const NormalizerSequence>(std::move(steps)));
}

PrependScheme Builder::prepend_scheme() const {
  if (add_prefix_space_ || family_ == Family::kT5) return PrependScheme::kAlways;
  return family_ == Family::kDebertaV2 ? PrependScheme::kFirst : PrependScheme::kNever;
}

std::unique_ptr<const PreTokenizer> Builder::make_pre_tokenizer() const {
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  if (family_ != Family::kDebertaV2) {
    steps.push_back(std::make_unique<const WhitespaceSplit>());
  } else if (split_by_punct_) {
    steps.push_back(std::make_unique<const PunctuationPreTokenizer>(SplitBehavior::kIsolated));
  }
  steps.push_back(std::make_unique<const MetaspacePreTokenizer>(MetaspaceOptions{.prepend_scheme = prepend_scheme()}));
  return std::make_unique<const PreTokenizerSequence>(std::move(steps));
}

/// The model's control and user-defined pieces, unless the settings list additional tokens themselves.
Result<std::vector<AddedToken>> Builder::own_tokens() const {
  std::vector<AddedToken> tokens;
  VALENCE_TRY(const bool listed, lists_extra_special_tokens(settings_));
  if (listed) return tokens;
  for (const auto& piece : model_.pieces) {
    const bool control = piece.type == SentencePieceModel::kControl;
    if (!control && piece.type != SentencePieceModel::kUserDefined) continue;
    AddedToken token;
    token.content = piece.text;
    token.special = control;
    tokens.push_back(std::move(token));
  }
  for (std::int64_t i = 0; i < extra_ids_; ++i) {
    AddedToken token;
    token.content = fmt::format("<extra_id_{}>", i);
    token.special = true;
    tokens.push_back(std::move(token));
  }
  return tokens;
}

Result<PostProcessor> Builder::make_post_processor(const AddedTokens& added) const {
  const auto id_of = [&](std::string_view key, std::string_view name) {
    return required_id(added, role(key), name, where_);
  };
  switch (family_) {
    case Family::kAlbert:
    case Family::kDebertaV2: {
      VALENCE_TRY(const std::int32_t cls_id, id_of("cls_token", "classification"));
      VALENCE_TRY(const std::int32_t sep_id, id_of("sep_token", "separator"));
      return PostProcessor::bert(cls_id, sep_id);
    }
    case Family::kCamembert:
    case Family::kXlmRoberta: {
      VALENCE_TRY(const std::int32_t bos_id, id_of("bos_token", "beginning"));
      VALENCE_TRY(const std::int32_t eos_id, id_of("eos_token", "end"));
      return PostProcessor::roberta(bos_id, eos_id);
    }
    case Family::kT5:
      break;
  }
  using Kind = TemplatePiece::Kind;
  VALENCE_TRY(const std::int32_t eos_id, id_of("eos_token", "end"));
  const TemplatePiece eos{Kind::kSpecial, 0, {eos_id}};
  PostProcessor post_processor;
  post_processor.single = {{Kind::kFirst, 0, {}}, eos};
  post_processor.pair = {{Kind::kFirst, 0, {}}, eos, {Kind::kSecond, 0, {}}, eos};
  return post_processor;
}

}  // namespace

Result<std::optional<SentencePieceFamily>> find_sentencepiece_family(const std::optional<Json>& tokenizer_config,
                                                                     const std::optional<Json>& model_config) {
  if (const auto name = tokenizer_config ? tokenizer_config->find("tokenizer_class") : std::nullopt) {
    return family_of<Family>(*name, kTokenizerClasses, "Fast");
  }
  if (const auto name = model_config ? model_config->find("model_type") : std::nullopt) {
    return family_of<Family>(*name, kModelTypes);
  }
  return std::nullopt;
}

std::string_view model_file_of(SentencePieceFamily family) { return traits_of(family).model_file; }

Result<std::shared_ptr<Tokenizer::Parts>> build_from_sentencepiece(SentencePieceFamily family, std::string_view file,
                                                                   const std::string& source_name,
                                                                   const TokenSettings& settings) {
  VALENCE_TRY(const auto model, parse_sentencepiece_model(file, source_name));
  return Builder(family, model, source_name, settings).build();
}

}  // namespace valence::tokenizer
