/// \file
/// calibration.json in a model's directory, to and from a Calibration. docs/eval.md describes the format.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/base/json.h"
#include "valence/base/json_text.h"
#include "valence/calibration.h"

namespace valence {

inline constexpr const char* kCalibrationFile = "calibration.json";

/// Errors: a wrong format_version, type or range; labels other than `labels`, the model's by id, because the file then
/// belongs to another model. Members that are not known (the evidence) are left alone.
Result<Calibration> parse_calibration(const Json& document, std::span<const std::string> labels);

/// Of a model directory; nothing if it has none, or if `model` is a file.
Result<std::optional<Calibration>> load_calibration(const std::filesystem::path& model,
                                                    std::span<const std::string> labels);

/// The members that parse_calibration() reads, into an object that is open.
void append_calibration(JsonText& json, const Calibration& calibration, std::span<const std::string> labels);

}  // namespace valence
