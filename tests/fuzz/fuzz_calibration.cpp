// Any bytes as calibration.json: refused with words, or numbers that scores can be made with.
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "valence/engine/calibration_file.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto document = valence::Json::parse(text, "calibration.json");
  if (!document) return 0;
  const std::array<std::string, 2> labels{"negative", "positive"};
  const auto calibration = valence::parse_calibration(*document, labels);
  if (!calibration) {
    require(!calibration.error().what().empty() && calibration.error().what().size() < 5000);
    return 0;
  }
  require(std::isfinite(calibration->temperature) && calibration->temperature > 0);
  require(calibration->label_thresholds.empty() || calibration->label_thresholds.size() == labels.size());
  for (const double threshold : calibration->label_thresholds) require(threshold >= 0 && threshold <= 1);
  if (const auto& rule = calibration->abstention) require(rule->threshold >= 0 && rule->threshold <= 1);
  // What was read is written so that it reads back the same.
  valence::JsonText json;
  json.begin_object();
  valence::append_calibration(json, *calibration, labels);
  json.end_object();
  const auto again = valence::parse_calibration(valence::Json::parse(json.text(), "again").value(), labels);
  require(again.has_value() && again->temperature == calibration->temperature);
  require(again->label_thresholds == calibration->label_thresholds);
  return 0;
}
