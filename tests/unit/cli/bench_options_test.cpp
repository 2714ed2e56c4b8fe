#include "valence/cli/bench_options.h"

#include <gtest/gtest.h>

#include "valence/base/thread_pool.h"

namespace valence::cli {
namespace {

std::string refusal(void (*change)(BenchArguments&)) {
  BenchArguments arguments;
  change(arguments);
  const auto options = interpret(arguments);
  return options ? "accepted" : options.error().to_string();
}

TEST(BenchOptions, DefaultsAreTheBuiltInModelOnAllCores) {
  const auto options = interpret(BenchArguments{});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->model, "default");
  EXPECT_EQ(options->precision, Precision::kAuto);
  EXPECT_EQ(options->threads, usable_cores());
  EXPECT_EQ(options->seconds, 2);
  EXPECT_FALSE(options->peak_gops.has_value());
}

TEST(BenchOptions, NumbersOutOfRangeAreNamed) {
  EXPECT_EQ(refusal([](BenchArguments& a) { a.threads = "0"; }), "--threads: \"0\" is no whole number from 1 to 1024.");
  EXPECT_EQ(refusal([](BenchArguments& a) { a.seconds = "0"; }),
            "--seconds: \"0\" is no number above 0 and up to 3600.");
  for (const char* word : {"-1", "inf", "nan", "1s", "", "3601"}) {
    BenchArguments arguments;
    arguments.seconds = word;
    EXPECT_FALSE(interpret(arguments).has_value()) << word;
  }
}

TEST(BenchOptions, UnknownPrecisionIsRefusedWithTheList) {
  EXPECT_EQ(refusal([](BenchArguments& a) { a.precision = "int4"; }),
            "--precision: \"int4\" is not one of auto, fp32, fp16, bf16, int8.");
}

TEST(BenchOptions, FiguresOfAnotherMachineAreForEstimatesOnly) {
  for (const auto change :
       {+[](BenchArguments& a) { a.peak_gops = "100"; }, +[](BenchArguments& a) { a.bandwidth_gbs = "10"; },
        +[](BenchArguments& a) { a.memory_gb = "8"; }}) {
    EXPECT_NE(refusal(change).find("add --estimate"), std::string::npos);
  }
}

TEST(BenchOptions, PeakByHandNeedsToKnowOfWhichFormat) {
  EXPECT_NE(refusal([](BenchArguments& a) {
              a.estimate = true;
              a.peak_gops = "100";
            }).find("--precision"),
            std::string::npos);
  EXPECT_EQ(refusal([](BenchArguments& a) {
              a.estimate = true;
              a.precision = "int8";
              a.peak_gops = "100";
            }),
            "accepted");
}

}  // namespace
}  // namespace valence::cli
