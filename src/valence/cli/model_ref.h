/// \file
/// What `-m REF` means, for every command that takes a model.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "valence/base/error.h"
#include "valence/classifier.h"
#include "valence/model/model.h"
#include "valence/tokenizer.h"

namespace valence::cli {

inline constexpr std::string_view kDefaultModelName = "default";

/// The directory or GGUF file that REF names; nothing for the built-in model. What else a model can be (ONNX, names on
/// the Hugging Face hub) is refused by kind, and a path that is not there by name.
Result<std::optional<std::filesystem::path>> resolve_model(const std::string& ref);

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
