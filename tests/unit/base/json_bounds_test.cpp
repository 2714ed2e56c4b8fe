#include "valence/base/json_bounds.h"

#include <gtest/gtest.h>

#include <string>

namespace valence {
namespace {

std::string refusal_of_pieces(std::string_view text, std::size_t piece_bytes, JsonLimits limits) {
  JsonBounds bounds(limits);
  for (; !text.empty(); text.remove_prefix(std::min(piece_bytes, text.size()))) {
    const Status within = bounds.feed(text.substr(0, piece_bytes), "a.json");
    if (!within) return within.error().to_string();
  }
  return "within";
}

/// The same verdict whatever the pieces in which the text comes.
std::string refusal(std::string_view text, JsonLimits limits) {
  const std::string whole = refusal_of_pieces(text, text.size() + 1, limits);
  for (const std::size_t piece_bytes : {1U, 2U, 3U, 7U}) {
    EXPECT_EQ(refusal_of_pieces(text, piece_bytes, limits), whole) << text << " in pieces of " << piece_bytes;
  }
  return whole;
}

TEST(JsonBounds, DepthCountsWhatIsOpenAtOnce) {
  EXPECT_EQ(refusal(R"({"a": [1], "b": [[2]]})", {.max_depth = 3}), "within");
  EXPECT_EQ(refusal(R"({"a": [1], "b": [[2]]})", {.max_depth = 2}), "a.json: JSON nested deeper than 2 levels.");
  EXPECT_EQ(refusal("]]]]]][", {.max_depth = 1}), "within");
}

TEST(JsonBounds, WhatStandsInsideOfStringsIsNoStructure) {
  EXPECT_EQ(refusal(R"(["[[[[,,,,", "\"[[,", "\\"])", {.max_depth = 1, .max_values = 3}), "within");
}

TEST(JsonBounds, ValuesAreCountedByBracketsAndCommas) {
  EXPECT_EQ(refusal(R"({"a": 1, "b": [2, 3]})", {.max_values = 4}), "within");
  EXPECT_EQ(refusal(R"({"a": 1, "b": [2, 3]})", {.max_values = 3}), "a.json: JSON of more than 3 values.");
}

TEST(JsonBounds, StringsNumbersAndWhiteSpaceHaveALength) {
  const JsonLimits limits{.max_token_bytes = 4};
  EXPECT_EQ(refusal(R"({"abcd":"de\"",   "f":1234})", limits), "within");
  EXPECT_EQ(refusal(R"({"abcde":1})", limits),
            "a.json: a string, number or white space of more than 4 bytes, up to byte 6.");
  EXPECT_EQ(refusal("[12345]", limits), "a.json: a string, number or white space of more than 4 bytes, up to byte 5.");
  EXPECT_EQ(refusal("[     ]", limits), "a.json: a string, number or white space of more than 4 bytes, up to byte 5.");
}

TEST(JsonBounds, NulIsRefusedWhereverItStands) {
  using namespace std::string_view_literals;
  EXPECT_EQ(refusal("\0"sv, {}), "a.json: not valid JSON: NUL at byte 0.");
  EXPECT_EQ(refusal("[\"a\0\"]"sv, {}), "a.json: not valid JSON: NUL at byte 3.");
}

}  // namespace
}  // namespace valence
