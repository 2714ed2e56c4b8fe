#include "valence/engine/gguf_tokenizer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "support/gguf_image.h"
#include "support/safetensors_image.h"
#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/classifier.h"
#include "valence/tensor/gguf_reader.h"

namespace valence {
namespace {

using testing::GgufImage;

const std::filesystem::path kGoldens = VALENCE_TESTS_DIR "/parity/data/gguf";

class ConvertedTokenizer : public ::testing::TestWithParam<std::string> {};

TEST_P(ConvertedTokenizer, IdsAreThoseOfTheTokenizerBeforeConversion) {
  const auto path = kGoldens / (GetParam() + ".json");
  const auto tokenizer = load_tokenizer(kGoldens / (GetParam() + ".gguf"));
  ASSERT_TRUE(tokenizer) << tokenizer.error().to_string();
  const Json golden = Json::parse(read_file(path, 1U << 20U).value(), path.string()).value();
  const auto texts = golden.at("texts").value().items().value();
  ASSERT_FALSE(texts.empty());
  for (const Json& text : texts) {
    std::vector<std::int32_t> expected;
    const auto ids = text.at("input_ids").value().items().value();
    for (const Json& id : ids) expected.push_back(static_cast<std::int32_t>(id.as_integer().value()));
    const auto encoding = tokenizer->encode(text.string("text").value());
    ASSERT_TRUE(encoding);
    EXPECT_EQ(encoding->ids, expected) << text.string("text").value();
  }
}

// One of each kind of vocabulary and of each tokenizer.ggml.pre.
INSTANTIATE_TEST_SUITE_P(Golden, ConvertedTokenizer,
                         ::testing::Values("bert_f32", "roberta_f16", "xlm_roberta_q8_0", "modern_bert_f32",
                                           "nomic_bert_q5_1", "gpt2_q4_0", "llama_f32", "mistral_f16", "qwen2_q4_1"),
                         [](const auto& each) { return each.param; });

TEST(GgufTokenizer, AFileIsAClassifierByItself) {
  const auto classifier = Classifier::load(kGoldens / "bert_blocks.gguf", {.threads = 1});
  ASSERT_TRUE(classifier) << classifier.error().to_string();
  const std::vector<std::string_view> texts = {"the film was good"};
  EXPECT_TRUE((*classifier)->classify(texts)[0]);
  EXPECT_EQ((*classifier)->labels(), (std::vector<std::string>{"negative", "neutral", "positive"}));
}

TEST(GgufTokenizer, AFileOfEachArchitectureIsAClassifier) {
  for (const auto* name : {"roberta_f16", "xlm_roberta_q8_0", "modern_bert_mean_biases_q8_0", "nomic_bert_q5_1",
                           "gpt2_q4_0", "llama3_k_blocks", "mistral_f16", "qwen2_q4_1", "qwen3_bf16"}) {
    const auto classifier = Classifier::load(kGoldens / (std::string(name) + ".gguf"), {.threads = 1});
    ASSERT_TRUE(classifier) << classifier.error().to_string();
    EXPECT_TRUE((*classifier)->warnings().empty()) << name;
    const std::vector<std::string_view> texts = {"the film was good"};
    EXPECT_TRUE((*classifier)->classify(texts)[0]) << name;
  }
}

GgufImage small_vocabulary() {
  GgufImage image;
  image.set_string("tokenizer.ggml.model", "bert");
  image.set_strings("tokenizer.ggml.tokens", {"[UNK]", "[CLS]", "[SEP]",
                                              "\xE2\x96\x81"
                                              "caf",
                                              "e",
                                              "\xE2\x96\x81"
                                              "caf\xC3\xA9"});
  return image;
}

Result<Tokenizer> tokenizer_of(const GgufImage& image) {
  const std::string bytes = image.bytes();
  return gguf_tokenizer(parse_gguf(testing::as_bytes(bytes), "m.gguf").value().metadata);
}

std::string refusal(const GgufImage& image) {
  const auto tokenizer = tokenizer_of(image);
  return tokenizer ? "accepted" : tokenizer.error().to_string();
}

std::vector<std::int32_t> ids_of(const GgufImage& image, std::string_view text) {
  return tokenizer_of(image).value().encode(text).value().ids;
}

TEST(GgufTokenizer, CapitalsInTheVocabularyKeepThoseOfTexts) {
  GgufImage image = small_vocabulary();
  EXPECT_EQ(ids_of(image, "Caf\xC3\xA9"), (std::vector<std::int32_t>{1, 3, 4, 2}));
  image.set_bool("tokenizer.ggml.normalizer.strip_accents", false);
  EXPECT_EQ(ids_of(image, "Caf\xC3\xA9"), (std::vector<std::int32_t>{1, 5, 2}));
  GgufImage cased = small_vocabulary();
  cased.set_strings("tokenizer.ggml.tokens", {"[UNK]", "[CLS]", "[SEP]", "\xE2\x96\x81The", "\xE2\x96\x81the"});
  EXPECT_EQ(ids_of(cased, "The the THE"), (std::vector<std::int32_t>{1, 3, 4, 0, 2}));
  cased.set_bool("tokenizer.ggml.normalizer.lowercase", true);
  EXPECT_EQ(ids_of(cased, "The the THE"), (std::vector<std::int32_t>{1, 4, 4, 4, 2}));
}

TEST(GgufTokenizer, WhatDoesNotFitTogetherIsRefused) {
  GgufImage lengths = small_vocabulary();
  lengths.set_i32s("tokenizer.ggml.token_type", {3, 3, 3});
  EXPECT_NE(refusal(lengths).find("tokens has 6 elements, but tokenizer.ggml.token_type has 3"), std::string::npos);
  GgufImage types = small_vocabulary();
  types.set_strings("tokenizer.ggml.token_type", {"3", "3", "3", "1", "1", "1"});
  EXPECT_NE(refusal(types).find("token_type: expected an array of integers"), std::string::npos);
  GgufImage id = small_vocabulary();
  id.set_u32("tokenizer.ggml.unknown_token_id", 6);
  EXPECT_NE(refusal(id).find("the unknown token has the id 6, but there are 6 tokens"), std::string::npos);
  GgufImage kind = small_vocabulary();
  kind.set_string("tokenizer.ggml.model", "rwkv");
  EXPECT_NE(refusal(kind).find("tokenizer.ggml.model \"rwkv\": expected one of bert, gpt2, t5, llama"),
            std::string::npos);
  GgufImage none = small_vocabulary();
  none.remove("tokenizer.ggml.tokens");
  EXPECT_NE(refusal(none).find("no key \"tokenizer.ggml.tokens\""), std::string::npos);
}

/// "ab" and all 256 byte characters, which the first merge makes of "a" and "b".
GgufImage byte_pairs() {
  GgufImage image;
  image.set_string("tokenizer.ggml.model", "gpt2");
  image.set_string("tokenizer.ggml.pre", "gpt-2");
  image.set_strings("tokenizer.ggml.tokens", {"a", "b", "\xC4\xA0", "ab", "<end>"});
  image.set_i32s("tokenizer.ggml.token_type", {1, 1, 1, 1, 3});
  image.set_strings("tokenizer.ggml.merges", {"a b"});
  image.set_u32("tokenizer.ggml.bos_token_id", 4);
  image.set_u32("tokenizer.ggml.eos_token_id", 4);
  return image;
}

TEST(GgufTokenizer, BytePairsSayWhatStandsAroundAText) {
  GgufImage image = byte_pairs();
  EXPECT_EQ(ids_of(image, "ab ab"), (std::vector<std::int32_t>{3, 2, 3}));
  image.set_bool("tokenizer.ggml.add_eos_token", true);
  EXPECT_EQ(ids_of(image, "ab"), (std::vector<std::int32_t>{3, 4}));
  image.set_string("tokenizer.ggml.pre", "llama-bpe");
  EXPECT_EQ(ids_of(image, "ab<end>"), (std::vector<std::int32_t>{4, 3, 4, 4})) << "a beginning unless it says no";
  image.set_bool("tokenizer.ggml.add_bos_token", false);
  EXPECT_EQ(ids_of(image, "ab"), (std::vector<std::int32_t>{3, 4}));
}

TEST(GgufTokenizer, AWholeTokenizerIsPreferred) {
  GgufImage image = byte_pairs();
  image.set_string("tokenizer.ggml.pre", "of the year 2030");
  image.set_string("tokenizer.huggingface.json",
                   R"({"model": {"type": "BPE", "vocab": {"a": 7, "b": 8}, "merges": []}})");
  EXPECT_EQ(ids_of(image, "ba"), (std::vector<std::int32_t>{8, 7}));
}

TEST(GgufTokenizer, BytePairsThatNobodyKnowsHowToCutAreRefused) {
  GgufImage unknown = byte_pairs();
  unknown.set_string("tokenizer.ggml.pre", "tekken");
  EXPECT_NE(refusal(unknown).find("tokenizer.ggml.pre \"tekken\": expected one of gpt-2, "), std::string::npos);
  GgufImage none = byte_pairs();
  none.remove("tokenizer.ggml.pre");
  EXPECT_NE(refusal(none).find("has no tokenizer.ggml.pre"), std::string::npos);
  GgufImage merge = byte_pairs();
  merge.set_strings("tokenizer.ggml.merges", {"a b", "b b"});
  EXPECT_NE(refusal(merge).find("m.gguf"), std::string::npos);
  GgufImage line = byte_pairs();
  line.set_strings("tokenizer.ggml.merges", {"ab"});
  EXPECT_NE(refusal(line).find("tokenizer.ggml.merges"), std::string::npos);
  GgufImage begin = byte_pairs();
  begin.set_bool("tokenizer.ggml.add_bos_token", true);
  begin.remove("tokenizer.ggml.bos_token_id");
  EXPECT_NE(refusal(begin).find("says no id of its beginning token"), std::string::npos);
}

GgufImage unigram() {
  GgufImage image;
  image.set_string("tokenizer.ggml.model", "t5");
  image.set_strings("tokenizer.ggml.tokens", {"<s>", "<pad>", "</s>", "<unk>", "\xE2\x96\x81", "a",
                                              "\xE2\x96\x81"
                                              "a"});
  image.set(
      "tokenizer.ggml.scores", 9,
      testing::u32_bytes(6) + testing::u64_bytes(7) + testing::f32_bytes(std::vector<float>{0, 0, 0, 0, -2, -2, -3}));
  return image;
}

TEST(GgufTokenizer, UnigramTakesTheBestScore) {
  EXPECT_EQ(ids_of(unigram(), "a aa z"), (std::vector<std::int32_t>{0, 6, 6, 5, 4, 3, 2}));
  GgufImage image = unigram();
  image.set_bool("tokenizer.ggml.add_space_prefix", false);
  EXPECT_EQ(ids_of(image, "a"), (std::vector<std::int32_t>{0, 5, 2}));
}

TEST(GgufTokenizer, UnigramsThatDoNotFitTogetherAreRefused) {
  GgufImage scores = unigram();
  scores.set("tokenizer.ggml.scores", 9, testing::u32_bytes(6) + testing::u64_bytes(1) + testing::u32_bytes(0));
  EXPECT_NE(refusal(scores).find("tokens has 7 elements, but tokenizer.ggml.scores has 1"), std::string::npos);
  GgufImage none = unigram();
  none.remove("tokenizer.ggml.scores");
  EXPECT_NE(refusal(none).find("no key \"tokenizer.ggml.scores\""), std::string::npos);
  GgufImage infinite = unigram();
  infinite.set("tokenizer.ggml.scores", 9,
               testing::u32_bytes(6) + testing::u64_bytes(1) + testing::u32_bytes(0x7F800000));
  EXPECT_NE(refusal(infinite).find("element 0 is infinite"), std::string::npos);
  GgufImage map = unigram();
  map.set("tokenizer.ggml.precompiled_charsmap", 9, testing::u32_bytes(0) + testing::u64_bytes(2) + "xy");
  EXPECT_NE(refusal(map).find("precompiled_charsmap"), std::string::npos);
}

TEST(GgufTokenizer, ATokenLongerThanSentencePieceMakesIsRefused) {
  GgufImage image = unigram();
  image.set_string("tokenizer.ggml.model", "llama");
  EXPECT_EQ(ids_of(image, "a a"), (std::vector<std::int32_t>{0, 6, 6})) << "a beginning, and pairs by their scores";
  image.set_strings("tokenizer.ggml.tokens", {"<s>", "<pad>", "</s>", "<unk>", "a", "b", std::string(65, 'a')});
  EXPECT_NE(refusal(image).find("token 6 has more than 64 characters"), std::string::npos);
}

TEST(GgufTokenizer, ItsTokenizerJsonIsTheSameTokenizer) {
  for (const auto* name : {"bert_f32", "roberta_f16", "xlm_roberta_q8_0", "llama_f32", "mistral_f16", "qwen2_q4_1"}) {
    const auto path = kGoldens / (std::string(name) + ".gguf");
    const MappedFile mapped = MappedFile::open(path).value();
    const GgufFile file = parse_gguf(mapped.bytes(), path.string()).value();
    const std::string json = gguf_tokenizer_json(file.metadata).value();
    EXPECT_EQ(json, ggml_tokenizer_json(file.metadata).value()) << "these files have no other";
    const Tokenizer read = Tokenizer::from_tokenizer_json(json, "tokenizer.json").value();
    const std::string_view text = "The film <s> was  unbeliev\xC3\xA9 [MASK] 123";
    EXPECT_EQ(read.encode(text).value().ids, load_tokenizer(path).value().encode(text).value().ids) << name;
  }
}

TEST(GgufTokenizer, OfATokenThatIsThereTwiceTheLaterIdCounts) {
  GgufImage image = byte_pairs();
  image.set_strings("tokenizer.ggml.tokens", {"a", "b", "\xC4\xA0", "ab", "<end>", "ab"});
  image.set_i32s("tokenizer.ggml.token_type", {1, 1, 1, 1, 3, 1});
  EXPECT_EQ(ids_of(image, "ab"), (std::vector<std::int32_t>{5}));
}

TEST(GgufTokenizer, RowsThatNoTokenHasAreNotInTheVocabulary) {
  GgufImage image = byte_pairs();
  image.set_strings("tokenizer.ggml.tokens", {"a", "b", "\xC4\xA0", "ab", "<end>", "[PAD5]"});
  image.set_i32s("tokenizer.ggml.token_type", {1, 1, 1, 1, 3, 5});
  EXPECT_EQ(tokenizer_of(image).value().vocabulary_size(), 5U);
}

TEST(GgufTokenizer, MoreMergesThanAnyModelHasAreRefused) {
  GgufImage image = unigram();
  image.set_string("tokenizer.ggml.model", "llama");
  std::vector<std::string> tokens = {"<s>", "</s>", "<unk>"};
  for (std::size_t size = 1; size <= 64; ++size) {
    tokens.push_back(std::string(size, 'a'));  // each may be cut anywhere
    tokens.push_back(std::string(size, 'b'));
  }
  image.set_strings("tokenizer.ggml.tokens", tokens);
  image.set("tokenizer.ggml.scores", 9,
            testing::u32_bytes(6) + testing::u64_bytes(tokens.size()) +
                testing::f32_bytes(std::vector<float>(tokens.size())));
  EXPECT_NE(refusal(image).find("its tokens merge in more than 3120 ways"), std::string::npos) << refusal(image);
}

}  // namespace
}  // namespace valence
