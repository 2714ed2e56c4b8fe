#include "valence/cli/convert_gguf.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/base/json_text.h"
#include "valence/engine/gguf_tokenizer.h"
#include "valence/engine/gguf_vocabulary.h"
#include "valence/model/config_export.h"
#include "valence/model/config_values.h"
#include "valence/tensor/gguf_reader.h"

namespace valence::cli {
namespace {

/// RoBERTa's positions count from the padding id + 1; the rows before that are those of padding, which nothing reads.
void restore_positions(std::int64_t padding, Model& model) {
  EncoderSpec& encoder = model.spec.encoder;
  const std::int64_t restored = padding + 1;
  const MatrixView& kept = *model.weights.embeddings.position;
  const auto width = static_cast<std::size_t>(kept.columns());
  std::vector<float> values(static_cast<std::size_t>(restored + kept.rows()) * width);
  for (std::int64_t row = 0; row < kept.rows(); ++row) {
    copy_row_as_f32(kept, row, std::span(values).subspan(static_cast<std::size_t>(restored + row) * width, width));
  }
  const std::string name = "position_embd.weight";
  model.checkpoint.replace(name, {restored + kept.rows(), kept.columns()}, std::move(values));
  model.weights.embeddings.position = MatrixView{*model.checkpoint.find(name), std::nullopt};
  encoder.first_position = restored;
  encoder.padding_id = static_cast<std::int32_t>(padding);
  encoder.max_position_embeddings += restored;
}

/// A special token by what transformers calls it, and the keys that have its id, the better one first.
struct SpecialToken {
  std::string_view name;
  std::array<std::string_view, 2> keys;
};
constexpr std::array kSpecialTokens = {
    SpecialToken{"bos_token", {"tokenizer.ggml.bos_token_id"}},
    SpecialToken{"eos_token", {"tokenizer.ggml.eos_token_id"}},
    SpecialToken{"unk_token", {"tokenizer.ggml.unknown_token_id"}},
    SpecialToken{"sep_token", {"tokenizer.ggml.seperator_token_id", "tokenizer.ggml.eos_token_id"}},
    SpecialToken{"pad_token", {"tokenizer.ggml.padding_token_id"}},
    SpecialToken{"cls_token", {"tokenizer.ggml.cls_token_id", "tokenizer.ggml.bos_token_id"}},
    SpecialToken{"mask_token", {"tokenizer.ggml.mask_token_id"}}};

/// The token that a text spells as `id`: one that it does not, transformers would add to the vocabulary.
std::optional<std::string> spelling_of(const Tokenizer& tokenizer, std::int64_t id) {
  if (id < 0 || id > kMaxVocabSize) return std::nullopt;
  const auto token = tokenizer.id_to_token(static_cast<std::int32_t>(id));
  if (!token) return std::nullopt;
  const auto alone = tokenizer.encode(*token, {.add_special_tokens = false});
  if (!alone || alone->ids != std::vector{static_cast<std::int32_t>(id)}) return std::nullopt;
  return std::string(*token);
}

Result<std::string> tokenizer_config(const GgufMetadata& metadata, const ConvertSource& source) {
  const EncoderSpec& encoder = source.model.spec.encoder;
  JsonText json;
  json.begin_object().key("tokenizer_class").string("PreTrainedTokenizerFast");
  json.key("model_max_length").integer(encoder.max_sequence_length());
  json.key("clean_up_tokenization_spaces").boolean(false);
  json.key("model_input_names").begin_array().string("input_ids");
  if (encoder.type_vocab_size > 1) json.string("token_type_ids");
  json.string("attention_mask").end_array();
  for (const SpecialToken& special : kSpecialTokens) {
    for (const std::string_view key : special.keys) {
      if (key.empty()) continue;
      VALENCE_TRY(const auto id, metadata.find_integer(key));
      if (!id) continue;
      if (const auto token = spelling_of(source.tokenizer, *id)) json.key(special.name).string(*token);
      break;
    }
  }
  json.end_object();
  return json.text() + "\n";
}

/// The special tokens of a model's files, by what transformers calls them.
class SpecialTokens {
 public:
  static Result<SpecialTokens> read(const ConvertSource& source) {
    SpecialTokens tokens(source);
    for (const auto& [name, document] :
         {std::pair{"tokenizer_config.json", &tokens.settings_}, {"special_tokens_map.json", &tokens.map_}}) {
      const std::string* const text = source.file(name);
      if (text == nullptr) continue;
      VALENCE_TRY(*document, Json::parse(*text, name));
    }
    VALENCE_TRY(tokens.config_, Json::parse(source.config_json, "config.json"));
    return tokens;
  }

  /// `name`: "bos_token".
  [[nodiscard]] std::optional<std::int32_t> id(std::string_view name) const {
    for (const auto* document : {&settings_, &map_}) {
      const auto token = *document ? (*document)->find(name) : std::nullopt;
      const auto content = token && token->is_object() ? token->find("content") : token;
      if (!content || !content->is_string()) continue;
      if (const auto id = source_->tokenizer.token_to_id(*content->as_string())) return id;
    }
    const auto value = config_->find(std::string(name) + "_id");
    if (!value || !value->is_integer()) return std::nullopt;  // Llama's eos_token_id may be a list
    const auto id = value->as_integer();
    const bool is_token = id && *id >= 0 && *id < source_->model.spec.encoder.vocab_size;
    return is_token ? std::optional(static_cast<std::int32_t>(*id)) : std::nullopt;
  }

 private:
  explicit SpecialTokens(const ConvertSource& source) : source_(&source) {}

  const ConvertSource* source_;
  std::optional<Json> settings_, map_, config_;
};

}  // namespace

Status complete_gguf_source(const std::filesystem::path& path, ConvertSource& source) {
  constexpr std::int64_t kRobertaPadding = 1;
  source.has_reference_names = false;
  VALENCE_TRY(const MappedFile mapped, MappedFile::open(path));
  VALENCE_TRY(const GgufFile file, parse_gguf(mapped.bytes(), path.string()));
  constexpr auto kPaddingKey = "tokenizer.ggml.padding_token_id";
  VALENCE_TRY(const auto padding, file.metadata.find_integer(kPaddingKey));
  if (padding && (*padding < 0 || *padding >= source.model.spec.encoder.vocab_size)) {
    return file.metadata.invalid(kPaddingKey, fmt::format("{}: there is no such token", *padding));
  }
  if (source.model.spec.model_type == "roberta" && source.model.spec.encoder.first_position == 0) {
    restore_positions(padding.value_or(kRobertaPadding), source.model);
  }
  VALENCE_TRY(source.config_json, config_json_of(source.model.spec, padding, path.string()));
  VALENCE_TRY(std::string tokenizer, gguf_tokenizer_json(file.metadata));
  VALENCE_TRY(std::string config, tokenizer_config(file.metadata, source));
  source.files.emplace_back("tokenizer.json", std::move(tokenizer));
  source.files.emplace_back("tokenizer_config.json", std::move(config));
  return {};
}

Result<GgufVocabulary> gguf_vocabulary_of(const ConvertSource& source) {
  const EncoderSpec& encoder = source.model.spec.encoder;
  VALENCE_TRY(const SpecialTokens special, SpecialTokens::read(source));
  TokenizerSource files{.name = source.name,
                        .tokenizer = &source.tokenizer,
                        .tokenizer_json = source.file("tokenizer.json"),
                        .lowercase = std::nullopt,
                        .bos = special.id("bos_token"),
                        .eos = special.id("eos_token"),
                        .unk = special.id("unk_token"),
                        .cls = special.id("cls_token"),
                        .sep = special.id("sep_token"),
                        .pad = std::nullopt,
                        .mask = special.id("mask_token"),
                        .rows = encoder.vocab_size};
  if (encoder.padding_id >= 0) {
    files.pad = encoder.padding_id;
  } else if (!encoder.causal) {  // where a decoder's padding begins is what its head reads
    files.pad = special.id("pad_token");
    if (!files.pad) files.pad = source.tokenizer.token_to_id("[PAD]");
  }
  if (source.file("vocab.txt") != nullptr) {
    files.lowercase = true;
    if (const std::string* const config = source.file("tokenizer_config.json")) {
      VALENCE_TRY(const Json settings, Json::parse(*config, "tokenizer_config.json"));
      VALENCE_TRY(files.lowercase, settings.boolean_or("do_lower_case", true));
    }
  }
  return gguf_vocabulary(files);
}

Result<std::size_t> texts_with_other_tokens(const ConvertSource& source, const std::filesystem::path& path,
                                            std::span<const std::string_view> texts) {
  VALENCE_TRY(const MappedFile mapped, MappedFile::open(path));
  VALENCE_TRY(const GgufFile file, parse_gguf(mapped.bytes(), path.string()));
  const auto json = ggml_tokenizer_json(file.metadata);
  if (!json) return texts.size();
  const auto written = Tokenizer::from_tokenizer_json(*json, path.string());
  if (!written) return texts.size();
  const auto differs = [&](std::string_view text) {
    const auto expected = source.tokenizer.encode(text);
    const auto found = written->encode(text);
    return !expected || !found || expected->ids != found->ids;
  };
  return static_cast<std::size_t>(std::ranges::count_if(texts, differs));
}

}  // namespace valence::cli
