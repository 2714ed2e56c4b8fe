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
  const auto extracted = extract_model(R"({"model":{"vocab":)" + std::string(vocab) + "}}", "t.json");
  return extracted ? "accepted" : extracted.error().to_string();
}

TEST(ExtractModel, TakesTheObjectOutAndLeavesTheRest) {
  const auto extracted = extract_model(R"({"a": [1], "model" : {"vocab" : {"x": 0, "##y" :12} , "b": 2}})", "t.json");
  ASSERT_TRUE(extracted.has_value() && extracted->vocabulary.has_value());
  EXPECT_EQ(extracted->rest, R"({"a": [1], "model" : {"vocab" : {} , "b": 2}})");
  EXPECT_EQ(tokens_of(*extracted->vocabulary),
            (std::vector<std::pair<std::string, std::int64_t>>{{"x", 0}, {"##y", 12}}));
}

TEST(ExtractModel, UnderstandsEveryEscape) {
  const auto extracted = extract_model(R"({"model":{"vocab":{"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00":1}}})", "t.json");
  ASSERT_TRUE(extracted.has_value() && extracted->vocabulary.has_value());
  EXPECT_EQ(tokens_of(*extracted->vocabulary).front().first, "\"\\/\b\f\n\r\té😀");
}

TEST(ExtractModel, OnlyModelVocabCounts) {
  for (const char* json : {R"({"vocab":{"a":1}})", R"({"x":{"model":{"vocab":{"a":1}}}})",
                           R"({"model":["vocab",{"a":1}]})", R"({"model":{"x":{"vocab":{"a":1}}}})",
                           R"({"model":"vocab"})", R"({"model":{"vocab":1}})", "{", "", R"({"model":{"vocab)"}) {
    const auto extracted = extract_model(json, "t.json");
    EXPECT_TRUE(extracted.has_value() && !extracted->vocabulary.has_value()) << json;
    EXPECT_EQ(extracted->rest, json);
  }
}

TEST(ExtractModel, BrokenVocabulariesAreRefusedWithTheirPlace) {
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

TEST(ExtractModel, TextThatEndsInTheVocabularyIsRefused) {
  const std::string json = R"({"model":{"vocab":{"ab":12,"\u00e9":3)";
  for (std::size_t size = json.find("{\"ab\"") + 1; size <= json.size(); ++size) {
    const auto extracted = extract_model(std::string_view(json).substr(0, size), "t.json");
    EXPECT_FALSE(extracted.has_value()) << size;
  }
}

std::vector<std::string> rules_of(const MergeRules& merges) {
  std::vector<std::string> rules;
  for (const auto& rule : merges.rules) {
    rules.push_back(merges.arena.substr(rule.offset, rule.left_size) + "+" +
                    merges.arena.substr(rule.offset + rule.left_size, rule.right_size));
  }
  return rules;
}

std::string merges_error(std::string_view merges) {
  const auto extracted = extract_model(R"({"model":{"merges":)" + std::string(merges) + "}}", "t.json");
  return extracted ? "accepted" : extracted.error().to_string();
}

TEST(ExtractModel, MergesAreLinesOrPairs) {
  const auto extracted =
      extract_model(R"({"model":{"merges":["#version: 0.2","a b","ab c"],"vocab":{"a":0},"x":1}})", "t.json");
  ASSERT_TRUE(extracted.has_value() && extracted->merges && extracted->vocabulary);
  EXPECT_EQ(extracted->rest, R"({"model":{"merges":[],"vocab":{},"x":1}})");
  EXPECT_EQ(rules_of(*extracted->merges), (std::vector<std::string>{"a+b", "ab+c"}));
  const auto pairs = extract_model(R"({"model":{"vocab":{"a":0},"merges":[ ["a", "b "],["\u00e9","c"] ]}})", "t.json");
  EXPECT_EQ(rules_of(*pairs->merges), (std::vector<std::string>{"a+b ", "é+c"}));
  EXPECT_EQ(pairs->rest, R"({"model":{"vocab":{},"merges":[]}})");
}

TEST(ExtractModel, BrokenMergesAreRefusedWithTheirPlace) {
  EXPECT_NE(merges_error(R"(["a b","ab"])").find("t.json: model.merges.1: \"ab\": expected two tokens with one space"),
            std::string::npos);
  EXPECT_NE(merges_error(R"(["a b c"])").find("model.merges.0"), std::string::npos);
  EXPECT_NE(merges_error(R"([1])").find("expected a token in quotes"), std::string::npos);
  EXPECT_NE(merges_error(R"([["a"]])").find("expected ','"), std::string::npos);
  EXPECT_NE(merges_error(R"([["a","b","c"]])").find("expected ']'"), std::string::npos);
  EXPECT_NE(merges_error(R"(["a b" "c d"])").find("expected ',' or ']'"), std::string::npos);
  EXPECT_NE(merges_error(R"([],"merges":[])").find("stands there twice"), std::string::npos);
}

TEST(ReadMergesTxt, SkipsTheVersionAndNamesTheLine) {
  const auto merges = read_merges_txt("#version: 0.2\r\na b\r\nab c\n", "merges.txt");
  ASSERT_TRUE(merges.has_value());
  EXPECT_EQ(rules_of(*merges), (std::vector<std::string>{"a+b", "ab+c"}));
  EXPECT_NE(read_merges_txt("a b\n\n", "m.txt").error().to_string().find("m.txt:2: \"\": expected two"),
            std::string::npos);
  EXPECT_FALSE(read_merges_txt("a \xFF\n", "m.txt").has_value());
}

TEST(ReadVocabJson, IsOneObject) {
  EXPECT_EQ(tokens_of(*read_vocab_json(" {\"a\":3}\n", "vocab.json")).front().second, 3);
  EXPECT_FALSE(read_vocab_json("[]", "vocab.json").has_value());
  EXPECT_FALSE(read_vocab_json("{\"a\":3} x", "vocab.json").has_value());
  EXPECT_FALSE(read_vocab_json("", "vocab.json").has_value());
}

}  // namespace
}  // namespace valence::tokenizer
