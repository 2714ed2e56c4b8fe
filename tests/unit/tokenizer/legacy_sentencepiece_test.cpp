// Directories with .model files; what becomes of texts is compared in tests/parity/sentencepiece_test.cpp.
#include "valence/tokenizer/legacy_sentencepiece.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "support/temporary_directory.h"
#include "valence/base/file.h"
#include "valence/tokenizer.h"

namespace valence {
namespace {

using std::string_literals::operator""s;
using testing::TemporaryDirectory;

std::string small_model() {
  return read_file(std::filesystem::path(VALENCE_TESTS_DIR) / "parity/data/sentencepiece/unigram.model", 1U << 20)
      .value();
}

struct Files {
  std::string name = "sentencepiece.bpe.model";
  std::string model = small_model();
  std::string tokenizer_config = R"({"tokenizer_class":"XLMRobertaTokenizerFast"})";
  std::string config = {};
};

std::string error_of(const Files& files) {
  const TemporaryDirectory directory;
  directory.write(files.name, files.model);
  if (!files.tokenizer_config.empty()) directory.write("tokenizer_config.json", files.tokenizer_config);
  if (!files.config.empty()) directory.write("config.json", files.config);
  const auto loaded = Tokenizer::load(directory.path());
  if (loaded) return "accepted";
  std::string error = loaded.error().to_string();
  if (const auto at = error.find(directory.path().string()); at == 0) error.erase(0, directory.path().string().size());
  return error;
}

void expect_refused(const Files& files, std::string_view words) {
  const std::string error = error_of(files);
  EXPECT_NE(error.find(words), std::string::npos) << error;
}

TEST(LegacySentencePiece, FamilyIsTheTokenizerClassOrElseTheModelType) {
  EXPECT_EQ(error_of({}), "accepted");
  EXPECT_EQ(error_of({.tokenizer_config = "", .config = R"({"model_type":"xlm-roberta"})"}), "accepted");
  EXPECT_EQ(error_of({.name = "spiece.model", .tokenizer_config = "", .config = R"({"model_type":"t5"})"}), "accepted");
}

TEST(LegacySentencePiece, MissingFileIsNamed) {
  expect_refused({.name = "spm.model"}, ": has neither tokenizer.json nor sentencepiece.bpe.model");
}

TEST(LegacySentencePiece, SpecialTokenOutsideOfTheVocabularyIsAddedAfterIt) {
  const TemporaryDirectory directory;
  directory.write("spm.model", small_model());
  directory.write("tokenizer_config.json", R"({"tokenizer_class":"DebertaV2Tokenizer","unk_token":"<unk>"})");
  const auto tokenizer = Tokenizer::load(directory.path());
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().to_string();
  EXPECT_EQ(tokenizer->token_to_id("[CLS]"), 900);
  EXPECT_EQ(tokenizer->token_to_id("[MASK]"), 903);
  EXPECT_EQ(tokenizer->vocabulary_size(), 904U);
}

TEST(LegacySentencePiece, SettingsThatCannotBeAreRefused) {
  const auto t5 = [](const std::string& setting) {
    return Files{.name = "spiece.model", .tokenizer_config = R"({"tokenizer_class":"T5Tokenizer",)" + setting + "}"};
  };
  expect_refused(t5(R"("extra_ids":-1)"), "extra_ids: -1: expected 0 to 10000");
  expect_refused(t5(R"("extra_ids":1000000000)"), "extra_ids: 1000000000: expected 0 to 10000");
  expect_refused({.tokenizer_config = R"({"tokenizer_class":"XLMRobertaTokenizer","add_prefix_space":"yes"})"},
                 "add_prefix_space");
}

TEST(LegacySentencePiece, EveryTruncatedModelIsRefusedOrShorter) {
  const std::string model = small_model();
  std::size_t refused = 0;
  for (std::size_t size = 0; size < model.size(); size += 41) {
    const auto parts = tokenizer::build_from_sentencepiece(tokenizer::SentencePieceFamily::kXlmRoberta,
                                                           std::string_view(model).substr(0, size), "x.model", {});
    if (!parts) ++refused;
  }
  EXPECT_GT(refused, model.size() / 41 / 2) << "a cut between two pieces leaves a model with fewer";
}

TEST(LegacySentencePiece, OtherModelsOfSentencePieceAreNotSupported) {
  expect_refused({.model = "\x0A\x03\x0A\x01x\x12\x02\x18\x02"s},
                 "sentencepiece.bpe.model: a SentencePiece model of type 2: expected 1, Unigram");
}

TEST(LegacySentencePiece, FilesThatAreNoModelsAreRefused) {
  expect_refused({.model = ""}, "has no pieces: not a SentencePiece model");
  expect_refused({.model = "version https://git-lfs.github.com/spec/v1"}, "sentencepiece.bpe.model: byte ");
  expect_refused({.model = "\x0A\x02\x0A\x01"s}, "byte 2: field 1 has 1 bytes, but its message only 0 more");
  expect_refused({.model = "\x08\x01"s}, "byte 0: field 1 is of wire type 0: expected 2");
  expect_refused(
      {.model =
           "\x0A\x08\x0A\x01x\x15\x00\x00\xC0\x7F\x0A\x03\x0A\x01y\x0A\x03\x0A\x01z\x0A\x08\x0A\x01w\x15\x00\x00\xC0\x7F"s},
      "the score of token 4 is not a finite number");
}

}  // namespace
}  // namespace valence
