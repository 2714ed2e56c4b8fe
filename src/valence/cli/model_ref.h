/// \file
/// What `-m REF` means, for every command that takes a model.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "valence/base/error.h"
#include "valence/classifier.h"
#include "valence/hub/cache.h"
#include "valence/model/model.h"
#include "valence/tokenizer.h"

namespace valence::cli {

inline constexpr std::string_view kDefaultModelName = "default";

/// The directory or GGUF file that REF names; nothing for the built-in model. A path that is there comes first, then a
/// name of the Hugging Face hub ("org/name", "org/name@revision") as the cache has it; nothing is fetched. What else a
/// model can be (ONNX) is refused by kind, a path that is not there by name, a hub name that is not in the cache with
/// the command that fetches it.
Result<std::optional<std::filesystem::path>> resolve_model(const std::string& ref);

/// The cached snapshot that resolve_model() would find; nothing for everything else. Errors as there.
Result<std::optional<hub::CachedSnapshot>> find_cached(const std::string& ref);

Result<std::shared_ptr<const Classifier>> load_classifier(const std::string& ref, const ClassifierOptions& options);
/// Only what a model is, without packing it to run.
Result<Model> load_model_of(const std::string& ref);

/// Only how it reads text.
Result<Tokenizer> load_tokenizer_of(const std::string& ref);

/// A text that changes when the files behind `ref` do: for --resume.
Result<std::string> model_fingerprint(const std::string& ref);

/// The same of a file, or of the files of a directory.
Result<std::string> files_fingerprint(const std::filesystem::path& path);

}  // namespace valence::cli
