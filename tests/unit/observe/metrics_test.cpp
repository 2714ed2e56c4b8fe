#include "valence/observe/metrics.h"

#include <gtest/gtest.h>

#include <regex>
#include <set>
#include <string>

namespace valence::observe {
namespace {

TEST(Catalog, NamesAreUniqueWellFormedAndInTheOrderOfTheEnumeration) {
  std::set<std::string_view> names;
  for (const MetricInfo& each : catalog()) {
    EXPECT_EQ(&info(each.metric), &each);
    EXPECT_TRUE(names.insert(each.name).second) << each.name;
    EXPECT_TRUE(std::regex_match(std::string(each.name), std::regex("(valence|process)_[a-z][a-z0-9_]*"))) << each.name;
    EXPECT_EQ(each.name.ends_with("_total"), each.type == MetricType::kCounter) << each.name;
    EXPECT_EQ(each.buckets.empty(), each.type != MetricType::kHistogram) << each.name;
    EXPECT_FALSE(each.help.empty());
  }
}

// Written by hand from the text format 0.0.4.
TEST(Metrics, CountersGaugesAndHistogramsAreExposedAsText) {
  Metrics metrics;
  metrics.counter(Metric::kRefused, {"overloaded"}).add();
  metrics.counter(Metric::kRefused, {"overloaded"}).add(2);
  metrics.gauge(Metric::kReady).set(1);
  EXPECT_EQ(metrics.expose(Exposition::kText),
            "# HELP valence_refused_requests_total Requests for classification that were not computed.\n"
            "# TYPE valence_refused_requests_total counter\n"
            "valence_refused_requests_total{reason=\"overloaded\"} 3\n"
            "# HELP valence_ready 1 while requests are welcome (/readyz).\n"
            "# TYPE valence_ready gauge\n"
            "valence_ready 1\n");
}

TEST(Metrics, OpenMetricsNamesTheFamilyWithoutTotalAndEndsWithEof) {
  Metrics metrics;
  metrics.counter(Metric::kRefused, {"expired"}).add();
  EXPECT_EQ(metrics.expose(Exposition::kOpenMetrics),
            "# HELP valence_refused_requests Requests for classification that were not computed.\n"
            "# TYPE valence_refused_requests counter\n"
            "valence_refused_requests_total{reason=\"expired\"} 1\n"
            "# EOF\n");
}

TEST(Metrics, HistogramsAreCumulative) {
  Metrics metrics;
  const Histogram texts = metrics.histogram(Metric::kBatchTexts, {"m"});
  texts.observe(1);
  texts.observe(3);
  texts.observe(100'000);
  const std::string text = metrics.expose(Exposition::kText);
  for (const char* line :
       {"valence_batch_texts_bucket{model=\"m\",le=\"1\"} 1\n", "valence_batch_texts_bucket{model=\"m\",le=\"4\"} 2\n",
        "valence_batch_texts_bucket{model=\"m\",le=\"+Inf\"} 3\n", "valence_batch_texts_sum{model=\"m\"} 100004\n",
        "valence_batch_texts_count{model=\"m\"} 3\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
}

TEST(Metrics, LabelValuesAreEscaped) {
  Metrics metrics;
  metrics.gauge(Metric::kModelInfo, {"a\"b\\c\nd", "v"}).set(1);
  EXPECT_NE(metrics.expose(Exposition::kText).find("model=\"a\\\"b\\\\c\\nd\""), std::string::npos);
}

TEST(Metrics, AFamilyDoesNotGrowWithoutBound) {
  Metrics metrics;
  for (int i = 0; i < 1000; ++i) metrics.counter(Metric::kTextErrors, {std::to_string(i)}).add();
  const std::string text = metrics.expose(Exposition::kText);
  std::size_t series = 0;
  for (auto at = text.find("{model="); at != std::string::npos; at = text.find("{model=", at + 1)) ++series;
  EXPECT_LE(series, 201U);
  EXPECT_NE(text.find("{model=\"other\"} 800"), std::string::npos);
}

TEST(Metrics, ScrapersSayWhichTextTheyRead) {
  EXPECT_EQ(exposition_for("*/*"), Exposition::kText);
  EXPECT_EQ(exposition_for("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"), Exposition::kOpenMetrics);
}

}  // namespace
}  // namespace valence::observe
