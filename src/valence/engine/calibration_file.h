/// \file
/// calibration.json, wherever a model keeps it, to and from a Calibration. docs/eval.md describes the format.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/error.h"
#include "valence/base/json.h"
#include "valence/base/json_text.h"
#include "valence/calibration.h"

namespace valence {

inline constexpr const char* kCalibrationFile = "calibration.json";
/// The key of a GGUF file that has the whole text of it.
inline constexpr std::string_view kGgufCalibrationKey = "valence.calibration.json";

struct CalibrationText {
  std::string text;
  std::string place;  ///< where it stands, for errors
};

/// Of what load_model (model/model.h) takes: the file in a model's directory, else in the one that an ONNX file's
/// config.json is in, or the key in a GGUF file's metadata. Nothing where there is none.
Result<std::optional<CalibrationText>> find_calibration(const std::filesystem::path& model);

/// Errors: a wrong format_version, type or range; labels other than `labels`, the model's by id, because the file then
/// belongs to another model. Members that are not known (the evidence) are left alone.
Result<Calibration> parse_calibration(const Json& document, std::span<const std::string> labels);

/// find_calibration(), parsed.
Result<std::optional<Calibration>> load_calibration(const std::filesystem::path& model,
                                                    std::span<const std::string> labels);

/// The members that parse_calibration() reads, into an object that is open.
void append_calibration(JsonText& json, const Calibration& calibration, std::span<const std::string> labels);

}  // namespace valence
