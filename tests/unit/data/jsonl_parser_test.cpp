#include "valence/data/jsonl_parser.h"

#include <gtest/gtest.h>

#include "unit/data/chunked_source.h"

namespace valence::data {
namespace {

using testing::carried_of;
using testing::described;
using testing::read_all;
using testing::texts_of;
using Texts = std::vector<std::string>;

TEST(Jsonl, MembersAreCarriedByteForByte) {
  const auto input =
      read_all(R"({"id": 12345678901234567890, "n":1.0,"text": "g\u00f6od", "x": { "a" : [1,  2] }})", "r.jsonl");
  ASSERT_EQ(input.rows.size(), 1U);
  EXPECT_EQ(input.rows[0]->text, "göod");
  EXPECT_EQ(carried_of(input.rows[0]), R"(id=12345678901234567890|n=1.0|text="g\u00f6od"|x={ "a" : [1,  2] })");
  EXPECT_EQ(input.columns, (Texts{"id", "n", "text", "x"}));
  EXPECT_EQ(input.text_column, "text");
}

TEST(Jsonl, BlankLinesAreSkippedAndLastLineNeedsNoEnd) {
  const auto input = read_all("\n{\"text\": \"a\"}\r\n  \n{\"text\": \"b\"}", "r.jsonl");
  EXPECT_EQ(texts_of(input), (Texts{"a", "b"}));
  EXPECT_EQ(input.rows[1]->row, 2U);
  EXPECT_EQ(input.rows[1]->line, 4U);
}

TEST(Jsonl, TextFieldMayBeADottedPath) {
  EXPECT_EQ(texts_of(read_all(R"({"review": {"body": "deep", "x": 1}})", "r.jsonl", {.text_column = "review.body"})),
            (Texts{"deep"}));
  EXPECT_EQ(texts_of(read_all(R"({"a": {"b": {"c": "deeper"}}})", "r.jsonl", {.text_column = "a.b.c"})),
            (Texts{"deeper"}));
}

TEST(Jsonl, KeyThatHoldsTheDotItselfWinsOverThePath) {
  EXPECT_EQ(texts_of(read_all(R"({"a": {"b": "path"}, "a.b": "key"})", "r.jsonl", {.text_column = "a.b"})),
            (Texts{"key"}));
}

TEST(Jsonl, EscapedKeyIsFoundByWhatItSays) {
  EXPECT_EQ(texts_of(read_all(R"({"t\u0065xt": "a"})", "r.jsonl")), (Texts{"a"}));
}

TEST(Jsonl, UsualTextFieldIsChosenByTheFirstObjectAndStays) {
  const auto input = read_all("{\"body\": \"a\"}\n{\"text\": \"b\", \"body\": \"c\"}\n", "r.jsonl");
  EXPECT_EQ(texts_of(input), (Texts{"a", "c"}));
}

TEST(Jsonl, NoUsualTextFieldNamesTheFields) {
  EXPECT_EQ(read_all("\n{\"id\": 1, \"note\": \"a\"}\n", "r.jsonl").error->to_string(),
            "r.jsonl:2: no field has a usual name for texts; the fields are: id, note. Hint: say which with "
            "--text-column.");
}

TEST(Jsonl, LinesThatAreNoObjectsAreRefusedAlone) {
  const auto input = read_all("{\"text\": \"a\"}\n[1]\n\"s\"\n{\"text\": \n{\"text\": \"b\"}\n", "r.jsonl");
  const auto texts = texts_of(input);
  ASSERT_EQ(texts.size(), 5U);
  EXPECT_EQ(texts[0], "a");
  EXPECT_EQ(texts[1], "line 2: expected a JSON object, found an array");
  EXPECT_EQ(texts[2], "line 3: expected a JSON object, found a string");
  EXPECT_EQ(texts[3].substr(0, 34), "line 4: the line is not valid JSON");
  EXPECT_EQ(texts[4], "b");
}

TEST(Jsonl, BadLinesBeforeTheFirstObjectAreRowsToo) {
  const auto input = read_all("oops\n{\"text\": \"a\"}\n", "r.jsonl");
  ASSERT_EQ(input.rows.size(), 2U);
  EXPECT_FALSE(input.rows[0].has_value());
  EXPECT_EQ(input.rows[1]->row, 2U);
  EXPECT_EQ(input.columns, (Texts{"text"}));
}

TEST(Jsonl, FileOfOtherLinesIsRefusedAsAWhole) {
  std::string csv = "id,text\n";
  for (int i = 0; i < 2000; ++i) csv += "1,a\n";
  const auto input = read_all(csv, "r.jsonl");
  ASSERT_TRUE(input.error.has_value());
  EXPECT_EQ(input.error->what(), "none of the first 1000 lines is a JSON object");
}

TEST(Jsonl, TextThatIsMissingOrNoStringSaysWhatIsThere) {
  const auto input = read_all("{\"text\": \"a\"}\n{\"txt\": \"b\"}\n{\"text\": 5}\n{\"text\": null}\n{}\n", "r.jsonl");
  EXPECT_EQ(texts_of(input), (Texts{"a", "line 2: no field \"text\"; the fields are: txt",
                                    "line 3: field \"text\": expected a string, found a number",
                                    "line 4: field \"text\": expected a string, found null",
                                    "line 5: no field \"text\"; there are no fields"}));
  EXPECT_EQ(carried_of(input.rows[1]), "txt=\"b\"");
}

TEST(Jsonl, RepeatedKeysAndDepthAreRefused) {
  const std::string deep = "{\"text\": \"a\", \"x\": " + std::string(32, '[') + std::string(32, ']') + "}";
  EXPECT_EQ(texts_of(read_all("{\"text\": \"a\", \"text\": \"b\"}\n" + deep + "\n", "r.jsonl")),
            (Texts{"line 1: the line has the key \"text\" twice in one object",
                   "line 2: the line is nested deeper than 32 levels"}));
}

TEST(Jsonl, InvalidUtf8AndNulAreRefusedAlone) {
  const auto input = read_all("{\"text\": \"a\xE9\"}\n{\"text\": \"a\\u0000b\"}\n{\"text\": \"b\"}\n", "r.jsonl");
  EXPECT_EQ(texts_of(input), (Texts{"line 1: the line has invalid UTF-8 at byte 11 (0xE9)",
                                    "line 2: field \"text\" contains a NUL byte at byte 1", "b"}));
  EXPECT_EQ(input.rows[0].error().error.hint(), "re-encode with --encoding windows-1252, or use --on-error skip");
}

TEST(Jsonl, LineOverTheLimitIsRefusedAlone) {
  const std::string bytes = "{\"text\": \"" + std::string(kMaxFieldBytes, 'x') + "\"}\n{\"text\": \"b\"}\n";
  EXPECT_EQ(texts_of(read_all(bytes, "r.jsonl")), (Texts{"line 1: the line is longer than 16 MB", "b"}));
}

TEST(Jsonl, EmptyFileHasNoRowsAndNoColumns) {
  const auto input = read_all("", "r.jsonl");
  EXPECT_FALSE(input.error.has_value());
  EXPECT_TRUE(input.rows.empty());
  EXPECT_TRUE(input.columns.empty());
}

TEST(Jsonl, AnyChunksGiveTheSameRows) {
  const std::string bytes = "{\"text\": \"a\\\"}\", \"x\": [{}]}\r\n\noops\n{\"text\": 1}\n{\"text\": \"é\"}";
  const auto whole = read_all(bytes, "r.jsonl");
  ASSERT_EQ(whole.rows.size(), 4U);
  for (std::size_t chunk = 1; chunk < bytes.size(); ++chunk) {
    const auto chunked = read_all(bytes, "r.jsonl", {}, chunk);
    ASSERT_EQ(chunked.rows.size(), whole.rows.size());
    for (std::size_t i = 0; i < whole.rows.size(); ++i) EXPECT_EQ(described(chunked.rows[i]), described(whole.rows[i]));
  }
}

}  // namespace
}  // namespace valence::data
