/// \file
/// A model of any form that valence loads, as what other forms are written from.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/base/error.h"
#include "valence/model/gguf_export.h"
#include "valence/model/model.h"
#include "valence/tokenizer.h"

namespace valence::cli {

struct ConvertSource {
  Model model;
  std::string name;                                        ///< of the model, for people
  std::string config_json;                                 ///< as transformers reads it, for weights in f32
  std::vector<std::pair<std::string, std::string>> files;  ///< tokenizer, licence: name and content
  Tokenizer tokenizer;
  std::optional<std::string> calibration = std::nullopt;  ///< the text of a calibration.json that holds for the model
  bool has_reference_names = true;                        ///< tensors are called as transformers does

  /// The content of one of `files`, or null.
  [[nodiscard]] const std::string* file(std::string_view file_name) const;
};

/// `ref` as -m takes it, with the PEFT adapter in directory `adapter` merged into it; an empty one: none.
Result<ConvertSource> open_convert_source(const std::string& ref, const std::string& adapter);

/// What goes with a model's weights wherever they go: the files of its tokenizer and its licence in `directory`.
Result<std::vector<std::pair<std::string, std::string>>> companion_files(const std::filesystem::path& directory);

}  // namespace valence::cli
