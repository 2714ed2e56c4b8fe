#include "valence/cli/model_ref.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kNeedDirectory =
    "give a Hugging Face model directory (config.json, model.safetensors, tokenizer.json)";

/// "org/name" whose folder "org" does not exist either: nobody meant a local path.
bool looks_like_hub_name(const std::string& ref) {
  const auto slash = ref.find('/');
  std::error_code ignored;
  return slash != std::string::npos && slash > 0 && ref.find('/', slash + 1) == std::string::npos &&
         ref.front() != '.' && ref.front() != '~' && !fs::exists(ref.substr(0, slash), ignored);
}

}  // namespace

Result<std::shared_ptr<const Classifier>> load_classifier(const std::string& ref, const ClassifierOptions& options) {
  if (ref == kDefaultModelName) return Classifier::load_default(options);
  const fs::path path(ref);
  const std::string suffix = path.extension().string();
  if (suffix == ".gguf" || suffix == ".onnx") {
    return fail(ErrorCode::kUnsupported, ref, fmt::format("{} models are not built in yet", suffix.substr(1)),
                std::string(kNeedDirectory));
  }
  std::error_code ignored;
  if (!fs::exists(path, ignored)) {
    if (looks_like_hub_name(ref)) {
      return fail(ErrorCode::kUnsupported, ref, "names on the Hugging Face hub are not built in yet",
                  "download the checkpoint and give its directory");
    }
    return fail(ErrorCode::kNotFound, ref, "no such model",
                fmt::format("{}, or `default`, the built-in model", kNeedDirectory));
  }
  if (fs::is_directory(path, ignored)) return Classifier::load(path, options);
  if (path.filename() == "model.safetensors") {
    return Classifier::load(path.has_parent_path() ? path.parent_path() : fs::path("."), options);
  }
  return fail(ErrorCode::kInvalidData, ref, "is a file, expected a model directory", std::string(kNeedDirectory));
}

std::string model_fingerprint(const std::string& ref) {
  if (ref == kDefaultModelName) return fmt::format("built-in model of valence {}", VALENCE_VERSION);
  std::string fingerprint;
  std::vector<fs::path> files;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(ref, ignored)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    fingerprint += fmt::format("{} {} {};", file.filename().string(), fs::file_size(file, ignored),
                               fs::last_write_time(file, ignored).time_since_epoch().count());
  }
  return fingerprint;
}

}  // namespace valence::cli
