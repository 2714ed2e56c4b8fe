/// \file
/// What `-m REF` means.
#pragma once

#include <memory>
#include <string>

#include "valence/base/error.h"
#include "valence/classifier.h"

namespace valence::cli {

inline constexpr std::string_view kDefaultModelName = "default";

/// Loads the built-in model or a model directory. What CLI.md names beside those (GGUF, ONNX, names on the Hugging
/// Face hub) is refused by kind, and a path that is not there by name.
Result<std::shared_ptr<const Classifier>> load_classifier(const std::string& ref, const ClassifierOptions& options);

/// A word that changes when the model behind `ref` does: for --resume.
[[nodiscard]] std::string model_fingerprint(const std::string& ref);

}  // namespace valence::cli
