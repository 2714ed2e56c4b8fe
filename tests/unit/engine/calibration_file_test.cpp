#include "valence/engine/calibration_file.h"

#include <gtest/gtest.h>

#include "support/temporary_directory.h"

namespace valence {
namespace {

const std::vector<std::string> kLabels{"negative", "positive"};

Result<Calibration> parsed(const std::string& text) {
  return parse_calibration(Json::parse(text, "calibration.json").value(), kLabels);
}

constexpr const char* kWhole = R"({"format_version": 1, "function": "softmax", "labels": ["negative", "positive"],
  "temperature": 1.25, "abstention": {"threshold": 0.8, "target_error": 0.05, "confidence": 0.9, "error_bound": 0.049,
  "rows": 500, "answered": 400, "errors": 12}, "evidence": {"anything": [1, 2]}})";

TEST(CalibrationFile, GivesWhatItHolds) {
  const auto calibration = parsed(kWhole);
  ASSERT_TRUE(calibration) << calibration.error().to_string();
  EXPECT_EQ(calibration->function, ScoreFunction::kSoftmax);
  EXPECT_EQ(calibration->temperature, 1.25);
  EXPECT_TRUE(calibration->label_thresholds.empty());
  ASSERT_TRUE(calibration->abstention);
  EXPECT_EQ(calibration->abstention->threshold, 0.8);
  EXPECT_EQ(calibration->abstention->answered, 400U);
  EXPECT_EQ(calibration->abstention->errors, 12U);
}

TEST(CalibrationFile, ReadsBackWhatIsWritten) {
  Calibration calibration{
      .function = ScoreFunction::kSigmoid, .temperature = 0.1 + 0.2, .label_thresholds = {0.3, 1.0 / 3}};
  JsonText json;
  json.begin_object();
  append_calibration(json, calibration, kLabels);
  json.end_object();
  const auto again = parsed(json.text());
  ASSERT_TRUE(again) << again.error().to_string();
  EXPECT_EQ(again->function, ScoreFunction::kSigmoid);
  EXPECT_EQ(again->temperature, calibration.temperature);
  EXPECT_EQ(again->label_thresholds, calibration.label_thresholds);
  EXPECT_FALSE(again->abstention);
}

TEST(CalibrationFile, OfAnotherModelIsRefusedWithBothSides) {
  const auto refused =
      parsed(R"({"format_version": 1, "function": "softmax", "labels": ["a", "b"], "temperature": 1})");
  ASSERT_FALSE(refused);
  const std::string message = refused.error().to_string();
  EXPECT_NE(message.find("\"a\", \"b\""), std::string::npos) << message;
  EXPECT_NE(message.find("\"negative\", \"positive\""), std::string::npos) << message;
}

TEST(CalibrationFile, IsAbsentFromMostModels) {
  const testing::TemporaryDirectory folder;
  const auto none = load_calibration(folder.path(), kLabels);
  ASSERT_TRUE(none);
  EXPECT_FALSE(none->has_value());
  folder.write("calibration.json", kWhole);
  const auto some = load_calibration(folder.path(), kLabels);
  ASSERT_TRUE(some);
  ASSERT_TRUE(some->has_value());
  EXPECT_EQ((*some)->temperature, 1.25);
  folder.write("calibration.json", "{");
  EXPECT_FALSE(load_calibration(folder.path(), kLabels));
}

}  // namespace
}  // namespace valence
