#include "valence/cli/classify_options.h"

#include <gtest/gtest.h>

namespace valence::cli {
namespace {

Result<ClassifyOptions> interpreted(const ClassifyArguments& arguments) { return interpret(arguments, false); }

TEST(ClassifyOptions, DefaultsAreThoseOfTheContract) {
  const auto options = interpret({}, true);
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->format, data::OutputFormat::kTable) << "on a terminal";
  EXPECT_EQ(options->run.top_k, 1U);
  EXPECT_EQ(options->run.on_error, pipeline::OnError::kKeep);
  EXPECT_TRUE(options->run.fold);
  EXPECT_EQ(options->classifier.on_long, LongText::kTruncate);
  EXPECT_EQ(interpreted({})->format, data::OutputFormat::kJsonl) << "in a pipe";
}

TEST(ClassifyOptions, OutputFormatFollowsTheSuffixUnlessSaid) {
  ClassifyArguments arguments;
  arguments.output = "labelled.csv";
  EXPECT_EQ(interpreted(arguments)->format, data::OutputFormat::kCsv);
  arguments.format = "jsonl";
  EXPECT_EQ(interpreted(arguments)->format, data::OutputFormat::kJsonl);
}

TEST(ClassifyOptions, WordOutsideItsListIsRefusedWithTheList) {
  ClassifyArguments arguments;
  arguments.on_error = "ignore";
  const auto options = interpreted(arguments);
  ASSERT_FALSE(options.has_value());
  EXPECT_EQ(options.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_EQ(options.error().to_string(), "--on-error: \"ignore\" is not one of fail, keep, skip.");
}

TEST(ClassifyOptions, WhatIsNotBuiltInSaysSo) {
  const auto refused = [](auto change) {
    ClassifyArguments arguments;
    change(arguments);
    const auto options = interpreted(arguments);
    return !options && options.error().code() == ErrorCode::kUnsupported;
  };
  EXPECT_TRUE(refused([](auto& a) { a.device = "cuda:1"; }));
}

TEST(ClassifyOptions, HistoryHoldsSingleTextsAndKnowsWhatOfThem) {
  ClassifyArguments arguments;
  arguments.history = true;
  arguments.store_text = "none";
  ASSERT_TRUE(interpreted(arguments).has_value());
  EXPECT_EQ(interpreted(arguments)->store_text, store::TextPolicy::kNone);
  arguments.store_text = "some";
  EXPECT_EQ(interpreted(arguments).error().to_string(), "--store-text: \"some\" is not one of none, hash, full.");
  arguments.store_text = "full";
  arguments.text_pair_column = "hypothesis";
  EXPECT_FALSE(interpreted(arguments).has_value());
}

TEST(ClassifyOptions, AbstentionIsForTheModelAsItWasCalibrated) {
  ClassifyArguments arguments;
  arguments.abstain = true;
  EXPECT_TRUE(interpreted(arguments).has_value());
  const auto refused = [&](auto change) {
    ClassifyArguments changed = arguments;
    change(changed);
    const auto options = interpreted(changed);
    return !options && options.error().code() == ErrorCode::kInvalidArgument && options.error().where() == "--abstain";
  };
  EXPECT_TRUE(refused([](auto& a) { a.threshold = "0.5"; }));
  EXPECT_TRUE(refused([](auto& a) { a.no_calibration = true; }));
  EXPECT_TRUE(refused([](auto& a) { a.labels = {"positive"}; }));
  EXPECT_TRUE(refused([](auto& a) { a.zero_shot = "a, b"; }));
  EXPECT_TRUE(refused([](auto& a) { a.adapter = "lora"; }));
  EXPECT_TRUE(refused([](auto& a) { a.function = "none"; }));
}

TEST(ClassifyOptions, CalibrationIsUsedUnlessSaid) {
  ClassifyArguments arguments;
  EXPECT_TRUE(interpreted(arguments)->classifier.use_calibration);
  arguments.no_calibration = true;
  EXPECT_FALSE(interpreted(arguments)->classifier.use_calibration);
}

TEST(ClassifyOptions, PrecisionIsOneOfFive) {
  ClassifyArguments arguments;
  EXPECT_EQ(interpreted(arguments)->classifier.precision, Precision::kAuto);
  arguments.precision = "int8";
  EXPECT_EQ(interpreted(arguments)->classifier.precision, Precision::kInt8);
  arguments.precision = "int4";
  EXPECT_EQ(interpreted(arguments).error().to_string(),
            "--precision: \"int4\" is not one of auto, fp32, fp16, bf16, int8.");
}

TEST(ClassifyOptions, TopKIsANumberFromOneOrAll) {
  ClassifyArguments arguments;
  arguments.top_k = "all";
  EXPECT_EQ(interpreted(arguments)->run.top_k, 0U);
  for (const char* word : {"0", "-1", "2x", ""}) {
    arguments.top_k = word;
    EXPECT_FALSE(interpreted(arguments).has_value()) << word;
  }
}

TEST(ClassifyOptions, ResumeNeedsAnOutputFileAndInputsToReadAgain) {
  ClassifyArguments arguments;
  arguments.resume = true;
  EXPECT_FALSE(interpreted(arguments).has_value());
  arguments.output = "out.csv";
  EXPECT_FALSE(interpreted(arguments).has_value());
  arguments.inputs = {"in.csv"};
  EXPECT_TRUE(interpreted(arguments).has_value());
}

}  // namespace
}  // namespace valence::cli
