#include "valence/cli/convert_source.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <system_error>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/cli/convert_gguf.h"
#include "valence/cli/model_ref.h"
#include "valence/engine/calibration_file.h"
#include "valence/engine/default_model.h"
#include "valence/engine/gguf_tokenizer.h"
#include "valence/model/config_rewrite.h"
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

std::string name_of(const fs::path& path) {
  std::error_code ignored;
  const fs::path whole = fs::weakly_canonical(path, ignored);
  return (fs::is_directory(whole, ignored) ? whole.filename() : whole.stem()).string();
}

/// The labels in a config.json are the base's; an adapter may bring others.
Result<std::string> config_with_labels(const std::string& config_json, const HeadSpec& head) {
  constexpr std::array<std::string_view, 1> kCounted{"num_labels"};
  return config_with(config_json, label_members(head.labels, head.problem_type), kCounted);
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
  if (adapter.empty()) {  // what was fitted for the model as it is says nothing of merged weights
    VALENCE_TRY(auto calibration, find_calibration(*path));
    if (calibration) source.calibration = std::move(calibration->text);
  }
  VALENCE_TRY(const auto gguf, find_gguf(*path));
  if (gguf) {
    VALENCE_TRY_STATUS(complete_gguf_source(*gguf, source));
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

const std::string* ConvertSource::file(std::string_view file_name) const {
  const auto found = std::ranges::find(files, file_name, &std::pair<std::string, std::string>::first);
  return found == files.end() ? nullptr : &found->second;
}

}  // namespace valence::cli
