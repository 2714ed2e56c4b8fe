// Directories with vocab.json and merges.txt.
#include "valence/tokenizer/legacy_bpe.h"

#include <gtest/gtest.h>

#include "support/temporary_directory.h"
#include "valence/tokenizer.h"

namespace valence {
namespace {

using testing::TemporaryDirectory;
using Ids = std::vector<std::int32_t>;

constexpr std::string_view kVocabulary =
    R"({"<s>":0,"<pad>":1,"</s>":2,"<unk>":3,"a":4,"b":5,"ab":6,"Ġ":7,"Ġa":8,"<mask>":9,"<|endoftext|>":10})";

struct LegacyFiles {
  std::string tokenizer_config = R"({"tokenizer_class":"RobertaTokenizerFast"})";
  std::string config = {};
  std::string merges = "#version: 0.2\na b\nĠ a\n";
};

Result<Tokenizer> load(const LegacyFiles& files) {
  const TemporaryDirectory directory;
  directory.write("vocab.json", kVocabulary);
  if (!files.merges.empty()) directory.write("merges.txt", files.merges);
  if (!files.tokenizer_config.empty()) directory.write("tokenizer_config.json", files.tokenizer_config);
  if (!files.config.empty()) directory.write("config.json", files.config);
  return Tokenizer::load(directory.path());
}

std::string error_of(const LegacyFiles& files) {
  const auto loaded = load(files);
  return loaded ? "accepted" : loaded.error().to_string();
}

TEST(LegacyBpe, RobertaPutsItsTokensAroundATextAndTwoBetweenAPair) {
  const auto tokenizer = load({});
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().to_string();
  EXPECT_EQ(tokenizer->encode("ab a")->ids, (Ids{0, 6, 8, 2}));
  EXPECT_EQ(tokenizer->encode("ab a")->offsets, (std::vector<ByteSpan>{{0, 0}, {0, 2}, {3, 4}, {0, 0}}));
  EXPECT_EQ(tokenizer->encode_pair("ab", "<mask>")->ids, (Ids{0, 6, 2, 2, 9, 2}));
  EXPECT_EQ(tokenizer->encode_pair("ab", "a")->type_ids, (Ids{0, 0, 0, 0, 0, 0}));
}

TEST(LegacyBpe, PrefixSpaceAndTrimmingAreAsTheConfigurationSays) {
  const auto tokenizer = load(
      {.tokenizer_config = R"({"tokenizer_class":"RobertaTokenizer","add_prefix_space":true,"trim_offsets":false})"});
  EXPECT_EQ(tokenizer->encode("a a")->ids, (Ids{0, 8, 8, 2}));
  EXPECT_EQ(tokenizer->encode("a a")->offsets, (std::vector<ByteSpan>{{0, 0}, {0, 1}, {1, 3}, {0, 0}}));
}

TEST(LegacyBpe, Gpt2AddsNothingUnlessAsked) {
  EXPECT_EQ(load({.tokenizer_config = R"({"tokenizer_class":"GPT2Tokenizer"})"})->encode("ab")->ids, (Ids{6}));
  const auto both =
      load({.tokenizer_config = R"({"tokenizer_class":"GPT2Tokenizer","add_bos_token":true,"add_eos_token":true})"});
  EXPECT_EQ(both->encode("ab")->ids, (Ids{10, 6, 10}));
  EXPECT_EQ(both->encode_pair("ab", "a")->ids, (Ids{10, 6, 10, 10, 4, 10}));
  EXPECT_EQ(both->encode_pair("ab", "a")->type_ids, (Ids{0, 0, 0, 1, 1, 1}));
}

TEST(LegacyBpe, ModelTypeSaysTheTokenizerWhereItsConfigurationDoesNot) {
  EXPECT_EQ(load({.tokenizer_config = "", .config = R"({"model_type":"roberta"})"})->encode("ab")->ids, (Ids{0, 6, 2}));
  EXPECT_EQ(load({.tokenizer_config = "{}", .config = R"({"model_type":"gpt2"})"})->encode("ab")->ids, (Ids{6}));
}

TEST(LegacyBpe, FilesThatDoNotSayWhatTheyAreAreRefusedWithTheRemedy) {
  const std::string silent = error_of({.tokenizer_config = ""});
  EXPECT_NE(silent.find("do not say which tokenizer they are of. Hint: set tokenizer_class"), std::string::npos)
      << silent;
  const std::string other = error_of({.tokenizer_config = R"({"tokenizer_class":"DebertaTokenizer"})"});
  EXPECT_NE(other.find("tokenizer_config.json: tokenizer_class: \"DebertaTokenizer\": not a tokenizer"),
            std::string::npos)
      << other;
}

TEST(LegacyBpe, BrokenFilesAreRefusedWithTheirPlace) {
  EXPECT_NE(error_of({.merges = "a b c\n"}).find("merges.txt:1: \"a b c\": expected two tokens"), std::string::npos);
  EXPECT_NE(error_of({.merges = "a x\n"}).find("merges.txt: model.merges.0: the right token: \"x\" is not in the"),
            std::string::npos);
  EXPECT_NE(error_of({.merges = ""}).find("merges.txt"), std::string::npos);
}

}  // namespace
}  // namespace valence
