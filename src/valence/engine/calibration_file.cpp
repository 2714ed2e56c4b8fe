#include "valence/engine/calibration_file.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <system_error>

#include "valence/base/file.h"
#include "valence/model/gguf_model.h"
#include "valence/model/onnx_model.h"
#include "valence/tensor/gguf_reader.h"

namespace valence {
namespace {

constexpr std::int64_t kFormatVersion = 1;
constexpr std::uint64_t kMaxFileBytes = 16U << 20;
constexpr double kMaxTemperature = 1e6;
constexpr const char* kRemedy = "fit it again with `valence models calibrate`, or remove the file";

Result<double> number_in(const Json& object, std::string_view key, double low, double high) {
  VALENCE_TRY(const Json value, object.at(key));
  VALENCE_TRY(const double number, value.as_number());
  if (number >= low && number <= high) return number;  // false for NaN
  return value.invalid(fmt::format("{} is out of range: expected {} to {}", number, low, high), kRemedy);
}

Result<std::uint64_t> count_of(const Json& object, std::string_view key) {
  VALENCE_TRY(const Json value, object.at(key));
  VALENCE_TRY(const std::int64_t count, value.as_integer());
  if (count < 0) return value.invalid(fmt::format("{} is no count", count), kRemedy);
  return static_cast<std::uint64_t>(count);
}

Status check_labels(const Json& document, std::span<const std::string> labels) {
  VALENCE_TRY(const Json listed, document.at("labels"));
  VALENCE_TRY(const auto items, listed.items());
  std::vector<std::string> names;
  for (const Json& item : items) {
    VALENCE_TRY(std::string name, item.as_string());
    names.push_back(std::move(name));
  }
  if (std::ranges::equal(names, labels)) return {};
  constexpr std::size_t kShown = 10;
  const auto shown = [kShown](std::span<const std::string> all) {
    std::vector<std::string> some;
    for (const std::string& label : all.first(std::min(kShown, all.size()))) some.push_back(in_quotes(label));
    return fmt::format("{}{}", fmt::join(some, ", "), all.size() > kShown ? ", ..." : "");
  };
  return listed.invalid(fmt::format("are not the model's: {} instead of {}", shown(names),
                                    shown(std::vector(labels.begin(), labels.end()))),
                        std::string("the file belongs to another model: ") + kRemedy);
}

Result<AbstentionRule> parse_abstention(const Json& object) {
  AbstentionRule rule;
  VALENCE_TRY(rule.threshold, number_in(object, "threshold", 0, 1));
  VALENCE_TRY(rule.target_error, number_in(object, "target_error", 0, 1));
  VALENCE_TRY(rule.confidence, number_in(object, "confidence", 0, 1));
  VALENCE_TRY(rule.error_bound, number_in(object, "error_bound", 0, 1));
  VALENCE_TRY(rule.rows, count_of(object, "rows"));
  VALENCE_TRY(rule.answered, count_of(object, "answered"));
  VALENCE_TRY(rule.errors, count_of(object, "errors"));
  return rule;
}

}  // namespace

Result<Calibration> parse_calibration(const Json& document, std::span<const std::string> labels) {
  VALENCE_TRY(const std::int64_t version, document.integer("format_version"));
  if (version != kFormatVersion) {
    return document.invalid(fmt::format("format_version {}: expected {}", version, kFormatVersion),
                            "it was written by another version of valence: fit it again");
  }
  VALENCE_TRY_STATUS(check_labels(document, labels));
  Calibration calibration;
  VALENCE_TRY(const std::string function, document.string("function"));
  if (function != "softmax" && function != "sigmoid") {
    return document.invalid(fmt::format("function {}: expected softmax or sigmoid", in_quotes(function)), kRemedy);
  }
  calibration.function = function == "softmax" ? ScoreFunction::kSoftmax : ScoreFunction::kSigmoid;
  VALENCE_TRY(calibration.temperature, number_in(document, "temperature", 1 / kMaxTemperature, kMaxTemperature));
  if (const auto thresholds = document.find("label_thresholds")) {
    VALENCE_TRY(const auto items, thresholds->items());
    if (items.size() != labels.size()) {
      return thresholds->invalid(fmt::format("{} thresholds for {} labels", items.size(), labels.size()), kRemedy);
    }
    for (const Json& item : items) {
      VALENCE_TRY(const double threshold, item.as_number());
      if (!(threshold >= 0 && threshold <= 1)) {
        return item.invalid(fmt::format("{} is no score: expected 0 to 1", threshold), kRemedy);
      }
      calibration.label_thresholds.push_back(threshold);
    }
  }
  if (const auto abstention = document.find("abstention")) {
    VALENCE_TRY(calibration.abstention, parse_abstention(*abstention));
  }
  return calibration;
}

Result<std::optional<CalibrationText>> find_calibration(const std::filesystem::path& model) {
  const auto in_directory = [](const std::filesystem::path& directory) -> Result<std::optional<CalibrationText>> {
    const std::filesystem::path path = directory / kCalibrationFile;
    std::error_code ignored;
    if (!std::filesystem::exists(path, ignored)) return std::nullopt;
    VALENCE_TRY(std::string text, read_file(path, kMaxFileBytes));
    return CalibrationText{std::move(text), path.string()};
  };
  std::error_code ignored;
  if (std::filesystem::is_directory(model, ignored)) {
    VALENCE_TRY(auto found, in_directory(model));
    if (found) return found;
  }
  VALENCE_TRY(const auto gguf, find_gguf(model));
  if (!gguf) {
    VALENCE_TRY(const auto onnx, find_onnx(model));
    return onnx ? in_directory(directory_with(*onnx, {"config.json"})) : Result<std::optional<CalibrationText>>();
  }
  VALENCE_TRY(const MappedFile mapped, MappedFile::open(*gguf));
  VALENCE_TRY(const GgufFile file, parse_gguf(mapped.bytes(), gguf->string()));
  VALENCE_TRY(const auto text, file.metadata.find_string(kGgufCalibrationKey));
  if (!text) return std::nullopt;
  if (text->size() > kMaxFileBytes) {
    return file.metadata.invalid(kGgufCalibrationKey,
                                 fmt::format("{} bytes: no calibration is that long", text->size()), kRemedy);
  }
  return CalibrationText{std::string(*text), fmt::format("{}: {}", gguf->string(), kGgufCalibrationKey)};
}

Result<std::optional<Calibration>> load_calibration(const std::filesystem::path& model,
                                                    std::span<const std::string> labels) {
  VALENCE_TRY(const auto found, find_calibration(model));
  if (!found) return std::nullopt;
  VALENCE_TRY(const Json document, Json::parse(found->text, found->place));
  VALENCE_TRY(Calibration calibration, parse_calibration(document, labels));
  return std::optional(std::move(calibration));
}

void append_calibration(JsonText& json, const Calibration& calibration, std::span<const std::string> labels) {
  json.key("format_version").integer(kFormatVersion);
  json.key("function").string(calibration.function == ScoreFunction::kSigmoid ? "sigmoid" : "softmax");
  json.key("labels").begin_array();
  for (const std::string& label : labels) json.string(label);
  json.end_array().key("temperature").number(calibration.temperature);
  if (!calibration.label_thresholds.empty()) {
    json.key("label_thresholds").begin_array();
    for (const double threshold : calibration.label_thresholds) json.number(threshold);
    json.end_array();
  }
  if (const auto& rule = calibration.abstention) {
    json.key("abstention").begin_object();
    json.key("threshold").number(rule->threshold);
    json.key("target_error").number(rule->target_error);
    json.key("confidence").number(rule->confidence);
    json.key("error_bound").number(rule->error_bound);
    json.key("rows").integer(static_cast<std::int64_t>(rule->rows));
    json.key("answered").integer(static_cast<std::int64_t>(rule->answered));
    json.key("errors").integer(static_cast<std::int64_t>(rule->errors));
    json.end_object();
  }
}

}  // namespace valence
