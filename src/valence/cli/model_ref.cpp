#include "valence/cli/model_ref.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <vector>

#include "valence/cli/cached_model.h"
#include "valence/engine/default_model.h"
#include "valence/engine/gguf_tokenizer.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNeedDirectory =
    "give a Hugging Face model directory (config.json, model.safetensors, tokenizer.json), a GGUF or an ONNX file";

/// "org/name" of which not even the folder "org" exists: nobody meant a local path.
bool looks_like_hub_name(const std::string& ref) {
  const auto slash = ref.find('/');
  std::error_code ignored;
  return slash != std::string::npos && slash > 0 && !fs::exists(ref.substr(0, slash), ignored);
}

}  // namespace

Result<std::optional<hub::CachedSnapshot>> find_cached(const std::string& ref) {
  std::error_code ignored;
  const auto name = hub::parse_repo_ref(ref);
  if (!name || ref == kDefaultModelName || fs::exists(ref, ignored)) return std::nullopt;
  const auto cache = open_cache();
  if (!cache) return std::nullopt;
  auto snapshot = cache->read(*name);
  if (snapshot) return std::optional(std::move(*snapshot));
  // A word without a slash may be a path that is not there.
  if (looks_like_hub_name(ref)) return fail(std::move(snapshot).error());
  return std::nullopt;
}

Result<std::optional<fs::path>> resolve_model(const std::string& ref) {
  if (ref == kDefaultModelName) return std::nullopt;
  const fs::path path(ref);
  const std::string suffix = path.extension().string();
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    VALENCE_TRY(const auto cached, find_cached(ref));
    if (cached) return cached->path;
    return fail(ErrorCode::kNotFound, ref, "no such model",
                fmt::format("{}, a name that `valence models pull` has fetched, or `default`, the built-in model",
                            kNeedDirectory));
  }
  if (fs::is_directory(path, ignored) || suffix == ".gguf" || suffix == ".onnx") return path;
  if (path.filename() == "model.safetensors") return path.has_parent_path() ? path.parent_path() : fs::path(".");
  return fail(ErrorCode::kInvalidData, ref, "is a file, expected a model directory", std::string(kNeedDirectory));
}

Result<std::shared_ptr<const Classifier>> load_classifier(const std::string& ref, const ClassifierOptions& options) {
  VALENCE_TRY(const auto directory, resolve_model(ref));
  return directory ? Classifier::load(*directory, options) : Classifier::load_default(options);
}

Result<Model> load_model_of(const std::string& ref) {
  VALENCE_TRY(const auto directory, resolve_model(ref));
  if (directory) return load_model(*directory);
  return load_model(default_model().config_json, default_model().weights, "built-in model");
}

Result<Tokenizer> load_tokenizer_of(const std::string& ref) {
  VALENCE_TRY(const auto directory, resolve_model(ref));
  if (directory) return load_tokenizer(*directory);
  return Tokenizer::from_tokenizer_json(default_model().tokenizer_json, "built-in model");
}

Result<std::string> files_fingerprint(const fs::path& path) {
  std::vector<fs::path> files;
  std::error_code failed;
  if (fs::is_directory(path, failed)) {
    for (const auto& entry : fs::directory_iterator(path, failed)) files.push_back(entry.path());
  } else {
    files.push_back(path);
  }
  if (failed) return fail(ErrorCode::kIo, path.string(), fmt::format("cannot be listed: {}", failed.message()));
  std::sort(files.begin(), files.end());
  std::string fingerprint;
  for (const auto& file : files) {
    if (!fs::is_regular_file(file, failed)) continue;
    fingerprint += fmt::format("{} {} {};", file.filename().string(), fs::file_size(file, failed),
                               fs::last_write_time(file, failed).time_since_epoch().count());
  }
  return fingerprint;
}

Result<std::string> model_fingerprint(const std::string& ref) {
  VALENCE_TRY(const auto directory, resolve_model(ref));
  if (!directory) {
    const auto weights = default_model().weights;
    const std::string_view bytes(reinterpret_cast<const char*>(weights.data()), weights.size());
    return fmt::format("built-in model {:016x}", std::hash<std::string_view>()(bytes));
  }
  return files_fingerprint(*directory);
}

}  // namespace valence::cli
