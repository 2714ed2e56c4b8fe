/// \file
/// From the files of a model directory to a Tokenizer.

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/tokenizer.h"
#include "valence/tokenizer/component_parser.h"
#include "valence/tokenizer/legacy_bpe.h"
#include "valence/tokenizer/legacy_sentencepiece.h"
#include "valence/tokenizer/legacy_special_tokens.h"
#include "valence/tokenizer/legacy_vocabulary.h"
#include "valence/tokenizer/tokenizer_parts.h"
#include "valence/tokenizer/vocabulary_file_checks.h"
#include "valence/tokenizer/vocabulary_json.h"

namespace valence {

using tokenizer::AddedToken;
using tokenizer::AddedTokens;
using tokenizer::PostProcessor;
using tokenizer::TokenSettings;

namespace {

constexpr std::uint64_t kMaxTokenizerFileBytes = 256ULL << 20;
constexpr std::uint64_t kMaxConfigFileBytes = 16ULL << 20;
constexpr double kUnlimitedLength = 1e9;  // transformers writes int(1e30) for "no limit"

Result<std::vector<AddedToken>> parse_added_tokens(const Json& root) {
  std::vector<AddedToken> tokens;
  const auto list = root.find("added_tokens");
  if (!list) return tokens;
  VALENCE_TRY(const auto items, list->items());
  for (const Json& item : items) {
    VALENCE_TRY(AddedToken token, tokenizer::parse_added_token(item));
    VALENCE_TRY(token.id, item.integer("id"));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

Result<TruncationSide> parse_side(const Json& json) {
  VALENCE_TRY(const std::string side, json.as_string());
  if (side == "right" || side == "Right") return TruncationSide::kRight;
  if (side == "left" || side == "Left") return TruncationSide::kLeft;
  return json.invalid(fmt::format("{}: expected right or left", in_quotes(side)));
}

/// `settings` are those of the files beside it.
Result<std::shared_ptr<Tokenizer::Parts>> parse_parts(std::string_view text, const std::string& source_name,
                                                      const TokenSettings& settings) {
  if (text.size() > kMaxTokenizerFileBytes) {
    return fail(ErrorCode::kInvalidData, source_name,
                fmt::format("has {} bytes, more than the {} allowed here", text.size(), kMaxTokenizerFileBytes));
  }
  VALENCE_TRY(auto extracted, tokenizer::extract_model(text, source_name));
  VALENCE_TRY(const Json root, Json::parse(extracted.rest, source_name, tokenizer::kTokenizerJsonLimits));
  VALENCE_TRY(const Json model, root.at("model"));

  auto parts = std::make_shared<Tokenizer::Parts>();
  if (const auto normalizer = root.find("normalizer")) {
    VALENCE_TRY(parts->normalizer, tokenizer::parse_normalizer(*normalizer));
  }
  if (const auto pre_tokenizer = root.find("pre_tokenizer")) {
    VALENCE_TRY(parts->pre_tokenizer, tokenizer::parse_pre_tokenizer(*pre_tokenizer));
  }
  VALENCE_TRY(parts->model, tokenizer::parse_model(model, std::move(extracted)));
  const auto& vocabulary = parts->model->vocabulary();
  VALENCE_TRY(auto added_tokens, parse_added_tokens(root));
  VALENCE_TRY(parts->added_tokens,
              collect_added_tokens(settings, std::move(added_tokens), {}, {}, vocabulary, parts->normalizer.get(),
                                   fmt::format("{}: added_tokens", source_name)));
  parts->post_processor = PostProcessor::plain();
  if (const auto post_processor = root.find("post_processor")) {
    const auto vocabulary_size = std::max(vocabulary.highest_id(), parts->added_tokens.highest_id()) + 1;
    VALENCE_TRY(parts->post_processor, tokenizer::parse_post_processor(*post_processor, vocabulary_size));
  }
  if (const auto decoder = root.find("decoder")) {
    VALENCE_TRY(parts->decoder, tokenizer::parse_decoder(*decoder));
  }
  if (const auto truncation = root.find("truncation")) {
    if (const auto direction = truncation->find("direction")) {
      VALENCE_TRY(parts->truncation_side, parse_side(*direction));
    }
  }
  parts->choose_fast_path();
  return parts;
}

Result<std::optional<std::size_t>> parse_model_max_length(const Json& config) {
  const auto length = config.find("model_max_length");
  if (!length) return std::nullopt;
  VALENCE_TRY(const double tokens, length->as_number());
  if (tokens > kUnlimitedLength) return std::nullopt;
  if (!(tokens >= 1)) return length->invalid("expected a positive number of tokens");
  return static_cast<std::size_t>(tokens);
}

/// The settings in a file, if there is one.
Result<std::optional<Json>> read_config(const std::filesystem::path& path) {
  auto text = read_file(path, kMaxConfigFileBytes);
  if (!text) {
    if (text.error().code() == ErrorCode::kNotFound) return std::nullopt;
    return fail(std::move(text).error());
  }
  VALENCE_TRY(Json config, Json::parse(*text, path.string(), tokenizer::kTokenizerJsonLimits));
  if (!config.is_object()) return config.invalid("expected an object of settings");
  return config;
}

Result<bool> names_token_types(const Json& config) {
  const auto names = config.find("model_input_names");
  if (!names) return true;
  VALENCE_TRY(const auto items, names->items());
  for (const Json& item : items) {
    VALENCE_TRY(const std::string name, item.as_string());
    if (name == "token_type_ids") return true;
  }
  return false;
}

/// What would give a text other tokens than we would.
Status check_settings(const TokenSettings& settings) {
  VALENCE_TRY(const bool splits, settings.boolean("split_special_tokens", false));
  if (!splits) return {};
  return fail(ErrorCode::kUnsupported, settings.find("split_special_tokens")->where(),
              "special tokens that a text spells are not taken apart by valence", "set it to false");
}

/// A .model file of SentencePiece, if the settings name a tokenizer that keeps its vocabulary so and the file is there.
Result<std::shared_ptr<Tokenizer::Parts>> load_sentencepiece_file(const std::filesystem::path& directory,
                                                                  const TokenSettings& settings) {
  std::optional<Json> model_config;
  if (!settings.config || !settings.config->find("tokenizer_class")) {
    VALENCE_TRY(model_config, read_config(directory / "config.json"));
  }
  VALENCE_TRY(const auto family, tokenizer::find_sentencepiece_family(settings.config, model_config));
  if (!family) return nullptr;
  const auto path = directory / tokenizer::model_file_of(*family);
  auto file = read_file(path, kMaxTokenizerFileBytes, tokenizer::check_sentencepiece_fields(path.string()));
  if (!file) {
    if (file.error().code() != ErrorCode::kNotFound) return fail(std::move(file).error());
    return fail(ErrorCode::kNotFound, directory.string(),
                fmt::format("has neither tokenizer.json nor {}", path.filename().string()),
                "save the tokenizer beside the model, with save_pretrained()");
  }
  return tokenizer::build_from_sentencepiece(*family, *file, path.string(), settings);
}

/// vocab.json and merges.txt.
Result<std::shared_ptr<Tokenizer::Parts>> load_bpe_files(const std::filesystem::path& directory,
                                                         const TokenSettings& settings) {
  const auto vocab_path = directory / "vocab.json";
  const auto merges_path = directory / "merges.txt";
  auto vocab = read_file(vocab_path, kMaxTokenizerFileBytes, tokenizer::check_vocab_json(vocab_path.string()));
  if (!vocab) {
    if (vocab.error().code() != ErrorCode::kNotFound) return fail(std::move(vocab).error());
    return fail(ErrorCode::kNotFound, directory.string(),
                "has neither tokenizer.json nor vocab.txt nor vocab.json with merges.txt",
                "save the tokenizer beside the model, with save_pretrained(); a SentencePiece .model is read if "
                "tokenizer_config.json names the tokenizer of ALBERT, CamemBERT, DeBERTa-v2, T5 or XLM-RoBERTa");
  }
  VALENCE_TRY(const auto merges,
              read_file(merges_path, kMaxTokenizerFileBytes, tokenizer::check_token_lines(merges_path.string())));
  std::optional<Json> model_config;
  if (!settings.config || !settings.config->find("tokenizer_class")) {
    VALENCE_TRY(model_config, read_config(directory / "config.json"));
  }
  VALENCE_TRY(const auto family, tokenizer::find_bpe_family(settings.config, model_config, directory.string()));
  return tokenizer::build_from_bpe_files(family, {*vocab, merges, vocab_path.string(), merges_path.string()}, settings);
}

}  // namespace

Result<Tokenizer> Tokenizer::from_tokenizer_json(std::string_view json, std::string source_name) {
  VALENCE_TRY(auto parts, parse_parts(json, source_name, {}));
  return Tokenizer(std::move(parts));
}

Result<Tokenizer> Tokenizer::load(const std::filesystem::path& model_directory) {
  const auto json_path = model_directory / "tokenizer.json";
  const auto vocab_path = model_directory / "vocab.txt";
  TokenSettings settings;
  VALENCE_TRY(settings.config, read_config(model_directory / "tokenizer_config.json"));
  VALENCE_TRY(settings.special_tokens_map, read_config(model_directory / "special_tokens_map.json"));
  VALENCE_TRY(settings.added_tokens, read_config(model_directory / "added_tokens.json"));
  VALENCE_TRY_STATUS(check_settings(settings));

  std::shared_ptr<Parts> parts;
  if (auto json = read_file(json_path, kMaxTokenizerFileBytes, tokenizer::check_tokenizer_json(json_path.string()))) {
    VALENCE_TRY(parts, parse_parts(*json, json_path.string(), settings));
  } else if (json.error().code() != ErrorCode::kNotFound) {
    return fail(std::move(json).error());
  } else if (auto vocab =
                 read_file(vocab_path, kMaxTokenizerFileBytes, tokenizer::check_token_lines(vocab_path.string()))) {
    VALENCE_TRY(parts, tokenizer::build_from_vocab_txt(*vocab, vocab_path.string(), settings));
  } else if (vocab.error().code() != ErrorCode::kNotFound) {
    return fail(std::move(vocab).error());
  } else {
    VALENCE_TRY(parts, load_sentencepiece_file(model_directory, settings));
    if (parts == nullptr) {
      VALENCE_TRY(parts, load_bpe_files(model_directory, settings));
    }
  }
  VALENCE_TRY(const AddedToken unk, tokenizer::named_special_token(settings, "unk_token", ""));
  parts->unk_token = unk.content;
  if (settings.config) {
    VALENCE_TRY(parts->gives_token_types, names_token_types(*settings.config));
    VALENCE_TRY(parts->model_max_length, parse_model_max_length(*settings.config));
    if (const auto side = settings.config->find("truncation_side")) {
      VALENCE_TRY(parts->truncation_side, parse_side(*side));
    }
  }
  return Tokenizer(std::move(parts));
}

}  // namespace valence
