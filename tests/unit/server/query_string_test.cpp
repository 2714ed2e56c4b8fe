#include "valence/server/query_string.h"

#include <gtest/gtest.h>

#include <array>

namespace valence::server {
namespace {

constexpr auto kKnown = std::to_array<std::string_view>({"from", "channel", "limit", "score", "corrected"});

TEST(QueryString, TellsAnEmptyValueFromAnAbsentOne) {
  const auto query = QueryString::parse("channel=&from=2026-01-31", kKnown);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->value("channel"), "");
  EXPECT_EQ(query->value("limit"), std::nullopt);
  EXPECT_EQ(query->time_ms("from"), 1'769'817'600'000);  // date -ud 2026-01-31 +%s
  EXPECT_EQ(query->time_ms("to"), std::nullopt);
}

TEST(QueryString, DecodesNamesAndValues) {
  const auto query = QueryString::parse("ch%61nnel=a+b%26c%3D%C3%A9", kKnown);
  ASSERT_TRUE(query);
  EXPECT_EQ(query->value("channel"), "a b&c=\xC3\xA9");
}

TEST(QueryString, RefusesWhatIsUnknownTwiceOrBroken) {
  for (const char* query : {"chanel=x", "channel=x&channel=y", "channel=%2", "channel=%FF", "=x", "channel=x&to=1"}) {
    EXPECT_FALSE(QueryString::parse(query, kKnown)) << query;
  }
}

TEST(QueryString, NumbersAreWholeAndInTheirRange) {
  for (const char* word : {"0", "51", "-1", "+1", "1.5", "", "9999999999999999999999", "5x"}) {
    const auto query = QueryString::parse(std::string("limit=") + word, kKnown);
    ASSERT_TRUE(query);
    EXPECT_FALSE(query->count("limit", 50, 20)) << word;
  }
  EXPECT_EQ(QueryString::parse("limit=50", kKnown)->count("limit", 50, 20), 50U);
  EXPECT_EQ(QueryString::parse("", kKnown)->count("limit", 50, 20), 20U);
  for (const char* word : {"1.01", "-0.1", "nan", "inf", ""}) {
    EXPECT_FALSE(QueryString::parse(std::string("score=") + word, kKnown)->share("score")) << word;
  }
  EXPECT_EQ(QueryString::parse("score=0.25", kKnown)->share("score"), 0.25F);
  EXPECT_EQ(QueryString::parse("corrected=false", kKnown)->boolean("corrected"), false);
  EXPECT_FALSE(QueryString::parse("corrected=0", kKnown)->boolean("corrected"));
}

}  // namespace
}  // namespace valence::server
