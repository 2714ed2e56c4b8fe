#include "valence/tokenizer/vocabulary_json.h"

#include <gtest/gtest.h>

namespace valence::tokenizer {
namespace {

std::vector<std::pair<std::string, std::int64_t>> tokens_of(const VocabularyEntries& vocabulary) {
  std::vector<std::pair<std::string, std::int64_t>> tokens;
  for (const auto& entry : vocabulary.entries) {
    tokens.emplace_back(vocabulary.arena.substr(entry.offset, entry.size), entry.id);
  }
  return tokens;
}

std::string error_of(std::string_view vocab) {
  const auto extracted = extract_vocabulary(R"({"model":{"vocab":)" + std::string(vocab) + "}}", "t.json");
  return extracted ? "accepted" : extracted.error().to_string();
}

TEST(ExtractVocabulary, TakesTheObjectOutAndLeavesTheRest) {
  const auto extracted =
      extract_vocabulary(R"({"a": [1], "model" : {"vocab" : {"x": 0, "##y" :12} , "b": 2}})", "t.json");
  ASSERT_TRUE(extracted.has_value() && extracted->has_value());
  EXPECT_EQ((*extracted)->rest, R"({"a": [1], "model" : {"vocab" : {} , "b": 2}})");
  EXPECT_EQ(tokens_of((*extracted)->vocabulary),
            (std::vector<std::pair<std::string, std::int64_t>>{{"x", 0}, {"##y", 12}}));
}

TEST(ExtractVocabulary, UnderstandsEveryEscape) {
  const auto extracted =
      extract_vocabulary(R"({"model":{"vocab":{"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00":1}}})", "t.json");
  ASSERT_TRUE(extracted.has_value() && extracted->has_value());
  EXPECT_EQ(tokens_of((*extracted)->vocabulary).front().first, "\"\\/\b\f\n\r\té😀");
}

TEST(ExtractVocabulary, OnlyModelVocabCounts) {
  for (const char* json : {R"({"vocab":{"a":1}})", R"({"x":{"model":{"vocab":{"a":1}}}})",
                           R"({"model":["vocab",{"a":1}]})", R"({"model":{"x":{"vocab":{"a":1}}}})",
                           R"({"model":"vocab"})", R"({"model":{"vocab":[1]}})", "{", "", R"({"model":{"vocab)"}) {
    const auto extracted = extract_vocabulary(json, "t.json");
    EXPECT_TRUE(extracted.has_value() && !extracted->has_value()) << json;
  }
}

TEST(ExtractVocabulary, BrokenVocabulariesAreRefusedWithTheirPlace) {
  EXPECT_NE(error_of(R"({"a":1.5})").find("t.json: model.vocab: token \"a\" has no integer id"), std::string::npos);
  EXPECT_NE(error_of(R"({"a":"1"})").find("no integer id"), std::string::npos);
  EXPECT_NE(error_of(R"({"a":99999999999999999999})").find("no integer id"), std::string::npos);
  EXPECT_NE(error_of(R"({"a":01})").find("no integer id"), std::string::npos);
  EXPECT_NE(error_of(R"({"a" 1})").find("expected ':'"), std::string::npos);
  EXPECT_NE(error_of(R"({"a":1 "b":2})").find("expected ',' or '}'"), std::string::npos);
  EXPECT_NE(error_of(R"({"a":1,})").find("expected a token in quotes"), std::string::npos);
  EXPECT_NE(error_of(R"({"\x":1})").find("an escape sequence"), std::string::npos);
  EXPECT_NE(error_of(R"({"\ud83d":1})").find("low surrogate"), std::string::npos);
  EXPECT_NE(error_of(R"({"\ude00":1})").find("low surrogate"), std::string::npos);
  EXPECT_NE(error_of("{\"\\u12\":1}").find("four hexadecimal digits"), std::string::npos);
  EXPECT_NE(error_of("{\"a\nb\":1}").find("no control character"), std::string::npos);
  EXPECT_NE(error_of("{\"a\xC0\":1}").find("invalid UTF-8 at byte 21"), std::string::npos);
}

TEST(ExtractVocabulary, TextThatEndsInTheVocabularyIsRefused) {
  const std::string json = R"({"model":{"vocab":{"ab":12,"\u00e9":3)";
  for (std::size_t size = json.find("{\"ab\"") + 1; size <= json.size(); ++size) {
    const auto extracted = extract_vocabulary(std::string_view(json).substr(0, size), "t.json");
    EXPECT_FALSE(extracted.has_value()) << size;
  }
}

}  // namespace
}  // namespace valence::tokenizer
