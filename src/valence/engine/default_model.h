/// \file
/// The built-in model as it lies in the program's read-only data.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace valence {

/// The files of models/default/, embedded by default_model.S. They live as long as the program.
struct EmbeddedModel {
  std::string_view config_json;
  std::string_view tokenizer_json;
  std::string_view calibration_json;
  std::string_view model_card;
  std::span<const std::byte> weights;  ///< a safetensors image
};

[[nodiscard]] const EmbeddedModel& default_model();

}  // namespace valence
