#include "valence/base/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace valence {
namespace {

Json parsed(std::string_view text) {
  auto json = Json::parse(text, "config.json");
  EXPECT_TRUE(json.has_value()) << text;
  return std::move(*json);
}

TEST(Json, ErrorsNameTheDocumentAndThePath) {
  const Json json = parsed(R"({"id2label": {"3": 7}})");
  const auto label = json.at("id2label").value().string("3");
  ASSERT_FALSE(label.has_value());
  EXPECT_EQ(label.error().to_string(), "config.json: id2label.3: expected a string, found number 7.");
}

TEST(Json, MissingKeyIsNamed) {
  const auto size = parsed("{}").integer("hidden_size");
  ASSERT_FALSE(size.has_value());
  EXPECT_EQ(size.error().to_string(), "config.json: the required key \"hidden_size\" is missing.");
}

TEST(Json, AbsentAndNullGiveTheFallbackButAWrongTypeDoesNot) {
  const Json json = parsed(R"({"a": null, "b": "text"})");
  EXPECT_EQ(json.integer_or("a", 5).value(), 5);
  EXPECT_EQ(json.integer_or("none", 5).value(), 5);
  EXPECT_FALSE(json.integer_or("b", 5).has_value());
}

TEST(Json, DuplicateKeyInOneObjectIsRefused) {
  const auto json = Json::parse(R"({"a": {"x": 1}, "b": {"x": 2, "x": 3}})", "config.json");
  ASSERT_FALSE(json.has_value());
  EXPECT_EQ(json.error().to_string(), "config.json: the key \"x\" stands twice.");
}

TEST(Json, SameKeyInDifferentObjectsIsFine) {
  EXPECT_TRUE(Json::parse(R"([{"x": 1}, {"x": 2}])", "config.json").has_value());
}

TEST(Json, NestingBeyondTheLimitIsRefusedBeforeParsing) {
  const std::string deep = std::string(100'000, '[') + std::string(100'000, ']');
  const auto json = Json::parse(deep, "config.json");
  ASSERT_FALSE(json.has_value());
  EXPECT_EQ(json.error().what(), "JSON nested deeper than 32 levels");
}

TEST(Json, BracketsInsideStringsAreNoNesting) {
  EXPECT_TRUE(Json::parse("\"" + std::string(100, '[') + "\\\"" + std::string(100, '{') + "\"", "x").has_value());
}

TEST(Json, IntegerBeyondInt64IsNoInteger) {
  const auto value = parsed(R"({"n": 18446744073709551615})").integer("n");
  ASSERT_FALSE(value.has_value());
}

TEST(Json, ValueOutlivesTheVariableThatParsedIt) {
  const Json inner = [] { return parsed(R"({"a": {"b": "kept"}})").at("a").value(); }();
  EXPECT_EQ(inner.string("b").value(), "kept");
}

TEST(Json, IntegerMembersReadsAVocabulary) {
  const auto members = parsed(R"({"b": 1, "a": 0})").integer_members();
  ASSERT_TRUE(members.has_value());
  EXPECT_EQ(members->size(), 2U);
  EXPECT_FALSE(parsed(R"({"b": "one"})").integer_members().has_value());
}

TEST(Json, BytesBehindANulAreNotOverlooked) {
  const auto json = Json::parse(std::string_view("{}\0junk", 7), "a.json");
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().to_string(), "a.json: not valid JSON: NUL at byte 2.");
}

TEST(Json, SizeIsOfItemsAndMembers) {
  const auto json = Json::parse(R"({"a": [1, 2], "b": "cde"})", "x.json").value();
  EXPECT_EQ(json.size(), 2U);
  EXPECT_EQ(json.at("a")->size(), 2U);
  EXPECT_EQ(json.at("b")->size(), 0U);
}

TEST(Json, NumberAsLongAsTheDocumentIsNotShownWhole) {
  const auto json = Json::parse('[' + std::string(500'000, '9') + ']', "x.json");
  ASSERT_FALSE(json);
  EXPECT_LT(json.error().to_string().size(), 300U);
}

TEST(Json, MessageDoesNotGrowWithTheText) {
  const auto json = Json::parse("{\"" + std::string(1'000'000, 'x'), "a.json");
  ASSERT_FALSE(json);
  EXPECT_LT(json.error().what().size(), 200U);
}

TEST(JsonText, TextInMessagesIsEscapedAndCutAtACharacter) {
  EXPECT_EQ(in_quotes("a\x1b[2J"), "\"a\\u001b[2J\"");
  const std::string long_text = std::string(99, 'x') + "\u00e9 and more";  // the cut would fall inside the e acute
  EXPECT_EQ(in_quotes(long_text), "\"" + std::string(99, 'x') + "...\"");
}

TEST(JsonText, OnlyWhatJsonRequiresIsEscaped) {
  std::string out;
  append_json_string(out, "a\"b\\c\n\x01 é/");
  EXPECT_EQ(out, "\"a\\\"b\\\\c\\n\\u0001 é/\"");
}

TEST(JsonText, FloatsAreTheShortestDigitsThatReadBack) {
  const auto text = [](float value) {
    std::string out;
    append_json_float(out, value);
    return out;
  };
  EXPECT_EQ(text(0.1F), "0.1");
  EXPECT_EQ(text(0.99869794F), "0.99869794");
  EXPECT_EQ(text(1.0F), "1");
  EXPECT_EQ(text(std::numeric_limits<float>::quiet_NaN()), "null");
}

}  // namespace
}  // namespace valence
