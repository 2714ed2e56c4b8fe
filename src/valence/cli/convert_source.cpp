#include "valence/cli/convert_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <set>
#include <system_error>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/base/json_text.h"
#include "valence/cli/model_ref.h"
#include "valence/engine/default_model.h"
#include "valence/engine/gguf_tokenizer.h"
#include "valence/model/config_names.h"
#include "valence/model/gguf_model.h"
#include "valence/model/onnx_model.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxFileBytes = 256U << 20U;

constexpr std::array kTokenizerFiles{"tokenizer.json",
                                     "tokenizer_config.json",
                                     "special_tokens_map.json",
                                     "added_tokens.json",
                                     "vocab.txt",
                                     "vocab.json",
                                     "merges.txt",
                                     "sentencepiece.bpe.model",
                                     "spiece.model",
                                     "spm.model",
                                     "LICENSE",
                                     "LICENSE.txt",
                                     "LICENSE.md",
                                     "NOTICE"};

const std::string* file_named(const ConvertSource& source, std::string_view name) {
  const auto found = std::ranges::find(source.files, name, &std::pair<std::string, std::string>::first);
  return found == source.files.end() ? nullptr : &found->second;
}

/// A GGUF file keeps its tokenizer whole, or as a list of tokens, which becomes a vocab.txt.
Status add_gguf_tokenizer(const fs::path& path, ConvertSource& source) {
  VALENCE_TRY(const MappedFile mapped, MappedFile::open(path));
  VALENCE_TRY(const GgufFile file, parse_gguf(mapped.bytes(), path.string()));
  VALENCE_TRY(const auto whole, file.metadata.find_string("tokenizer.huggingface.json"));
  if (whole) {
    source.files.emplace_back("tokenizer.json", std::string(*whole));
    return {};
  }
  std::string vocabulary;
  bool has_capitals = false;
  for (std::size_t id = 0; id < source.tokenizer.vocabulary_size(); ++id) {
    const auto token = source.tokenizer.id_to_token(static_cast<std::int32_t>(id));
    if (!token) return fail(ErrorCode::kInvalidData, path.string(), fmt::format("has no token of id {}", id));
    has_capitals = has_capitals || (!token->starts_with('[') &&
                                    std::ranges::any_of(*token, [](char c) { return c >= 'A' && c <= 'Z'; }));
    vocabulary += fmt::format("{}\n", *token);
  }
  VALENCE_TRY(const auto lowercase, file.metadata.find_boolean("tokenizer.ggml.normalizer.lowercase"));
  JsonText config;
  config.begin_object().key("tokenizer_class").string("BertTokenizer");
  config.key("do_lower_case").boolean(lowercase.value_or(!has_capitals)).end_object();
  source.files.emplace_back("vocab.txt", std::move(vocabulary));
  source.files.emplace_back("tokenizer_config.json", config.text() + "\n");
  return {};
}

std::string name_of(const fs::path& path) {
  std::error_code ignored;
  const fs::path whole = fs::weakly_canonical(path, ignored);
  return (fs::is_directory(whole, ignored) ? whole.filename() : whole.stem()).string();
}

/// The labels in a config.json are the base's; an adapter may bring others.
Result<std::string> config_with_labels(const std::string& config_json, const HeadSpec& head) {
  VALENCE_TRY(const Json config, Json::parse(config_json, "config.json"));
  VALENCE_TRY(const auto members, config.members());
  std::string text = "{";
  for (const auto& [key, value] : members) {
    if (key == "id2label" || key == "label2id" || key == "num_labels" || key == "problem_type") continue;
    append_json_string(text, key);
    text += ":" + value.dump() + ",";
  }
  std::string by_id;
  std::string by_label;
  for (std::size_t id = 0; id < head.labels.size(); ++id) {
    std::string label;
    append_json_string(label, head.labels[id]);
    by_id += fmt::format("{}\"{}\":{}", id == 0 ? "" : ",", id, label);
    by_label += fmt::format("{}{}:{}", id == 0 ? "" : ",", label, id);
  }
  return text + fmt::format("\"id2label\":{{{}}},\"label2id\":{{{}}},\"problem_type\":\"{}\"}}", by_id, by_label,
                            problem_type_name(head.problem_type));
}

Result<ConvertSource> open_unmerged(const std::string& ref, const std::string& adapter) {
  VALENCE_TRY(const auto path, resolve_model(ref));
  if (!path) {
    const EmbeddedModel& embedded = default_model();
    VALENCE_TRY(Model model, load_model(embedded.config_json, embedded.weights, "built-in model", adapter));
    VALENCE_TRY(Tokenizer tokenizer, Tokenizer::from_tokenizer_json(embedded.tokenizer_json, "built-in model"));
    return ConvertSource{
        std::move(model),
        "valence default",
        std::string(embedded.config_json),
        {{"tokenizer.json", std::string(embedded.tokenizer_json)}, {"README.md", std::string(embedded.model_card)}},
        std::move(tokenizer)};
  }
  VALENCE_TRY(Model model, load_model(*path, adapter));
  VALENCE_TRY(Tokenizer tokenizer, load_tokenizer(*path));
  ConvertSource source{std::move(model), name_of(*path), {}, {}, std::move(tokenizer)};
  VALENCE_TRY(const auto gguf, find_gguf(*path));
  if (gguf) {
    if (source.model.spec.model_type != "bert" && source.model.spec.model_type != "distilbert") {
      return fail(ErrorCode::kUnsupported, gguf->string(),
                  fmt::format("{} models in GGUF are not converted yet", source.model.spec.model_type),
                  "convert the checkpoint that it was made from");
    }
    source.has_reference_names = false;
    const std::string_view class_name = source.model.spec.model_type == "bert" ? "BertForSequenceClassification"
                                                                               : "DistilBertForSequenceClassification";
    source.config_json = config_json_of(source.model.spec, class_name);
    VALENCE_TRY_STATUS(add_gguf_tokenizer(*gguf, source));
    return source;
  }
  VALENCE_TRY(const auto onnx, find_onnx(*path));
  const fs::path directory = onnx ? directory_with(*onnx, {"config.json"}) : *path;
  VALENCE_TRY(source.config_json, read_config(directory));
  VALENCE_TRY(source.files, companion_files(onnx ? tokenizer_directory(*onnx) : *path));
  return source;
}

}  // namespace

Result<std::vector<std::pair<std::string, std::string>>> companion_files(const fs::path& directory) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const char* const name : kTokenizerFiles) {
    std::error_code ignored;
    if (!fs::is_regular_file(directory / name, ignored)) continue;
    VALENCE_TRY(std::string content, read_file(directory / name, kMaxFileBytes));
    files.emplace_back(name, std::move(content));
  }
  return files;
}

Result<ConvertSource> open_convert_source(const std::string& ref, const std::string& adapter) {
  VALENCE_TRY(ConvertSource source, open_unmerged(ref, adapter));
  if (!adapter.empty()) {
    VALENCE_TRY(source.config_json, config_with_labels(source.config_json, source.model.spec.head));
  }
  return source;
}
Result<std::string> config_with_dtype(const std::string& config_json, std::string_view dtype) {
  VALENCE_TRY(const Json config, Json::parse(config_json, "config.json"));
  VALENCE_TRY(const auto members, config.members());
  std::string text = "{\n";
  for (const auto& [key, value] : members) {
    if (key == "dtype" || key == "torch_dtype" || key == "quantization_config") continue;
    text += "  ";
    append_json_string(text, key);
    text += ": " + value.dump() + ",\n";
  }
  text += "  \"dtype\": ";
  append_json_string(text, dtype);
  return text + "\n}\n";
}

Result<GgufVocabulary> gguf_vocabulary(const ConvertSource& source) {
  GgufVocabulary vocabulary;
  std::set<std::int64_t> controls;
  vocabulary.lowercase = true;
  if (const std::string* const text = file_named(source, "tokenizer.json")) {
    VALENCE_TRY(const Json tokenizer, Json::parse(*text, "tokenizer.json"));
    VALENCE_TRY(const Json model, tokenizer.at("model"));
    VALENCE_TRY(const std::string kind, model.string_or("type", "WordPiece"));
    if (kind != "WordPiece") {
      return fail(ErrorCode::kUnsupported, source.name,
                  fmt::format("has a tokenizer of the kind {}: only WordPiece is written to GGUF yet", in_quotes(kind)),
                  "convert it to safetensors or ONNX");
    }
    if (const auto normalizer = tokenizer.find("normalizer")) {
      VALENCE_TRY(vocabulary.lowercase, normalizer->boolean_or("lowercase", false));
    } else {
      vocabulary.lowercase = false;
    }
    if (const auto added = tokenizer.find("added_tokens")) {
      VALENCE_TRY(const auto tokens, added->items());
      for (const Json& token : tokens) {
        VALENCE_TRY(const bool is_special, token.boolean_or("special", false));
        VALENCE_TRY(const std::int64_t id, token.integer("id"));
        if (is_special) controls.insert(id);
      }
    }
    vocabulary.tokenizer_json = *text;
  } else if (const std::string* const config = file_named(source, "tokenizer_config.json")) {
    VALENCE_TRY(const Json settings, Json::parse(*config, "tokenizer_config.json"));
    VALENCE_TRY(vocabulary.lowercase, settings.boolean_or("do_lower_case", true));
  }
  const auto special = [&](std::string_view token) {
    const auto id = source.tokenizer.token_to_id(token);
    if (id) controls.insert(*id);
    return id.value_or(-1);
  };
  vocabulary.unk = special("[UNK]");
  vocabulary.cls = special("[CLS]");
  vocabulary.sep = special("[SEP]");
  vocabulary.pad = special("[PAD]");
  vocabulary.mask = special("[MASK]");
  const std::int64_t rows = source.model.spec.encoder.vocab_size;
  for (std::int64_t id = 0; id < rows; ++id) {
    const auto token = source.tokenizer.id_to_token(static_cast<std::int32_t>(id));
    // Tables may have more rows than there are tokens; llama.cpp's converter names the others so.
    vocabulary.tokens.push_back(token ? std::string(*token) : fmt::format("[PAD{}]", id));
    vocabulary.is_control.push_back(!token || controls.contains(id));
  }
  return vocabulary;
}

}  // namespace valence::cli
