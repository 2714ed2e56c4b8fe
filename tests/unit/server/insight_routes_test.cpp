#include "valence/server/insight_routes.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "valence/server/page_routes.h"

namespace valence::server {
namespace {

store::TrendPoint point(std::int64_t from_ms, std::string stream, std::string channel,
                        std::vector<store::LabelCount> labels) {
  return {.from_ms = from_ms, .stream = std::move(stream), .channel = std::move(channel), .labels = std::move(labels)};
}

TEST(TrendJson, SeriesAreColumnsByLabel) {
  const store::Trend trend{.bucket = store::TimeBucket::kHour,
                           .labels = {"bad", "good"},
                           .points = {point(0, "a", "", {{2, 1.5}, {0, 0}}), point(0, "b", "", {{1, 0.5}, {1, 0.9}}),
                                      point(3'600'000, "a", "", {{0, 0}, {3, 2.25}})}};
  EXPECT_EQ(
      trend_json({.by_stream = true}, trend),
      R"({"bucket":"hour","labels":["bad","good"],"series":[)"
      R"({"stream":"a","times_ms":[0,3600000],"counts":[[2,0],[0,3]],"score_sums":[[1.500000,0.000000],[0.000000,2.250000]]},)"
      R"({"stream":"b","times_ms":[0],"counts":[[1],[1]],"score_sums":[[0.500000],[0.900000]]}]})");
  EXPECT_EQ(trend_json({}, {}), R"({"bucket":"day","labels":[],"series":[]})");
}

TEST(StreamsJson, AddsUpOverTimeAndRanksByTexts) {
  const store::Trend trend{.labels = {"bad", "good"},
                           .points = {point(0, "small", "x", {{1, 0}, {0, 0}}), point(0, "big", "x", {{1, 0}, {1, 0}}),
                                      point(1, "big", "y", {{3, 0}, {0, 0}}), point(2, "big", "x", {{0, 0}, {1, 0}})}};
  EXPECT_EQ(
      streams_json(trend),
      R"({"labels":["bad","good"],"streams":[)"
      R"({"stream":"big","counts":[4,2],"channels":[{"channel":"x","counts":[1,2]},{"channel":"y","counts":[3,0]}]},)"
      R"({"stream":"small","counts":[1,0],"channels":[{"channel":"x","counts":[1,0]}]}]})");
}

TEST(StreamsJson, WhatIsBeyondTheLimitIsTogether) {
  store::Trend trend{.labels = {"bad"}, .points = {}};
  for (std::uint64_t i = 0; i < kMaxStreams + 3; ++i) {
    trend.points.push_back(point(0, fmt::format("s{:03}", i), "", {{1000 - i, 0}}));
  }
  const std::string json = streams_json(trend);
  // The three with the fewest: 800, 799 and 798 texts.
  EXPECT_TRUE(json.ends_with(R"({"stream":"other","counts":[2397],"channels":[]}]})"))
      << json.substr(json.size() - 120);
  EXPECT_EQ(json.find("s200"), json.npos);
}

TEST(MatchesEtag, TakesListsWeakTagsAndTheStar) {
  for (const char* header : {"\"a\"", "W/\"a\"", "\"b\", \"a\"", "*", " \"b\" ,W/\"a\" "}) {
    EXPECT_TRUE(matches_etag(header, "\"a\"")) << header;
  }
  for (const char* header : {"", "\"b\"", "a", "W/a", "\"a", ",,", "\"A\""}) {
    EXPECT_FALSE(matches_etag(header, "\"a\"")) << header;
  }
}

}  // namespace
}  // namespace valence::server
