#include "valence/cli/bench_report.h"

#include <gtest/gtest.h>

#include "valence/base/json.h"

namespace valence::cli {
namespace {

BenchReport report() {
  BenchReport report;
  report.cpu = "Test CPU";
  report.isa = "avx2";
  report.threads = 2;
  report.peaks = {{bench::Peak::kF32Fma256, {100, 190}}};
  report.reads = {{"L1", 24 << 10, 24 << 10, {300, 600}}};
  report.model = "default";
  report.spec.model_type = "bert";
  report.reference = bench::Peak::kF32Fma256;
  WorkloadFigure figure{
      .name = "one text of 16 tokens", .threads = 1, .one_text = true, .timing = {}, .peak_gops = 100};
  // 10 calls in half a second: 20 texts/s, 320 tokens/s; 25 Gflop done in that time is half of the peak.
  figure.timing = {
      .texts = 10, .tokens = 160, .seconds = 0.5, .done_gflop = 25, .nominal_gflop = 30, .call_seconds = {}};
  for (int i = 1; i <= 10; ++i) figure.timing.call_seconds.push_back(i * 1e-3);
  report.workloads = {figure};
  report.stages = {
      {"one text of 16 tokens", {.tokenize = 1, .embed = 1, .gemm = 6, .attention = 1, .rest = 1, .total = 10}}};
  return report;
}

TEST(BenchReport, TableShowsLatencyRateAndShare) {
  const std::string text = to_tables(report());
  for (const char* needle : {"Test CPU; kernels avx2", "f32 vfmadd, 256 bit", "190.0", "L1, 24 KiB", "5.00 ms",
                             "10.00 ms", " 320 ", "50.0 %", "60.0 %", "one text of 16 tokens, 1 thread"}) {
    EXPECT_NE(text.find(needle), std::string::npos) << needle << '\n' << text;
  }
}

TEST(BenchReport, JsonHasOneShapeWhateverWasMeasured) {
  const auto json = Json::parse(to_json(report()), "bench");
  ASSERT_TRUE(json.has_value()) << json.error().to_string();
  const auto workload = json->at("workloads").value().items().value().front();
  EXPECT_EQ(workload.number("call_p50_ms").value(), 5);
  EXPECT_EQ(workload.number("call_p99_ms").value(), 10);
  EXPECT_EQ(workload.number("texts_per_second").value(), 20);
  EXPECT_EQ(workload.number("percent_of_peak").value(), 50);
  EXPECT_EQ(workload.number("percent_of_peak_nominal").value(), 60);
  EXPECT_EQ(json->at("peaks_gops").value().items().value().front().number("all_threads").value(), 190);
  EXPECT_EQ(json->at("stages").value().items().value().front().at("share").value().number("gemm").value(), 0.6);
}

TEST(BenchReport, WithoutAPeakTheShareIsLeftOpen) {
  BenchReport without = report();
  without.reference.reset();
  without.workloads.front().peak_gops.reset();
  without.peaks.front().gops.all.reset();
  EXPECT_NE(to_tables(without).find("320        -"), std::string::npos) << to_tables(without);
  const auto json = Json::parse(to_json(without), "bench");
  ASSERT_TRUE(json.has_value());
  EXPECT_FALSE(json->at("workloads").value().items().value().front().find("percent_of_peak").has_value());
}

}  // namespace
}  // namespace valence::cli
