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

TEST(GgufTokenizer, IdsAreThoseOfTheTokenizerBeforeConversion) {
  const auto path = kGoldens / "bert_f32.json";
  const auto tokenizer = load_tokenizer(kGoldens / "bert_f32.gguf");
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

TEST(GgufTokenizer, AFileIsAClassifierByItself) {
  const auto classifier = Classifier::load(kGoldens / "bert_blocks.gguf", {.threads = 1});
  ASSERT_TRUE(classifier) << classifier.error().to_string();
  const std::vector<std::string_view> texts = {"the film was good"};
  EXPECT_TRUE((*classifier)->classify(texts)[0]);
  EXPECT_EQ((*classifier)->labels(), (std::vector<std::string>{"negative", "neutral", "positive"}));
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
  kind.set_string("tokenizer.ggml.model", "gpt2");
  EXPECT_NE(refusal(kind).find("tokenizer.ggml.model \"gpt2\": only \"bert\""), std::string::npos);
  GgufImage none = small_vocabulary();
  none.remove("tokenizer.ggml.tokens");
  EXPECT_NE(refusal(none).find("no key \"tokenizer.ggml.tokens\""), std::string::npos);
}

}  // namespace
}  // namespace valence
