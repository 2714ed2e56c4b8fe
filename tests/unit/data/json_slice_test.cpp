#include "valence/data/json_slice.h"

#include <gtest/gtest.h>

namespace valence::data {
namespace {

std::string problem(std::string_view text) { return find_json_problem(text, 32).value_or("none"); }

TEST(JsonSlice, StrictJsonHasNoProblem) {
  for (const auto* text : {"{}", " [1, 2.5e3, -0] ", "\"a\\u00e9\\ud83d\\ude00\"", "true", "{\"a\": {\"a\": null}}"}) {
    EXPECT_EQ(problem(text), "none") << text;
  }
}

TEST(JsonSlice, WhatIsNoJsonIsSaidWithItsPlace) {
  EXPECT_EQ(problem("{\"a\": 1,}").substr(0, 17), "is not valid JSON");
  EXPECT_NE(problem("{\"a\": tru}").find("at byte 10"), std::string::npos) << problem("{\"a\": tru}");
  for (const auto* text : {"", "{", "{a: 1}", "[1 2]", "{} {}", "// c\n1", "NaN", "01", "\"\\ud83d\"", "\"\t\"",
                           "\xEF\xBB\xBF{}", "1e400", "'a'"}) {
    EXPECT_NE(problem(text), "none") << text;
  }
}

TEST(JsonSlice, KeyTwiceInOneObjectIsAProblemAtAnyDepth) {
  EXPECT_EQ(problem(R"({"a": 1, "b": 2, "a": 3})"), "has the key \"a\" twice in one object");
  EXPECT_EQ(problem(R"({"x": [{"k": {}, "\u006b": 1}]})"), "has the key \"k\" twice in one object");
  EXPECT_EQ(problem(R"([{"a": 1}, {"a": {"a": 1}}])"), "none");
}

TEST(JsonSlice, DepthIsBounded) {
  EXPECT_EQ(problem(std::string(32, '[') + std::string(32, ']')), "none");
  EXPECT_EQ(problem(std::string(33, '[') + std::string(33, ']')), "is nested deeper than 32 levels");
  EXPECT_EQ(problem(std::string(10'000'000, '[')), "is nested deeper than 32 levels");
}

TEST(JsonSlice, MembersKeepTheirBytes) {
  std::vector<JsonMemberView> members;
  split_json_object(R"( { "a" : 1.0 ,"b\n":[ {"}": "]\""} ], "c":"x,y" , "d": 12345678901234567890} )", members);
  ASSERT_EQ(members.size(), 4U);
  EXPECT_EQ(members[0].raw_key, R"("a")");
  EXPECT_EQ(members[0].raw_value, "1.0");
  EXPECT_EQ(members[1].raw_key, R"("b\n")");
  EXPECT_EQ(members[1].raw_value, R"([ {"}": "]\""} ])");
  EXPECT_EQ(members[2].raw_value, R"("x,y")");
  EXPECT_EQ(members[3].raw_value, "12345678901234567890");
  split_json_object("{ }", members);
  EXPECT_TRUE(members.empty());
}

TEST(JsonSlice, StringContentIsUnescaped) {
  std::string content;
  append_json_string_content(content, R"("a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\u20AC")");
  EXPECT_EQ(content, "a\"\\/\b\f\n\r\té😀€");
}

TEST(JsonSlice, KindsAreNamedForPeople) {
  EXPECT_EQ(json_kind("{}"), "an object");
  EXPECT_EQ(json_kind("[1]"), "an array");
  EXPECT_EQ(json_kind("\"a\""), "a string");
  EXPECT_EQ(json_kind("-1"), "a number");
  EXPECT_EQ(json_kind("null"), "null");
}

}  // namespace
}  // namespace valence::data
