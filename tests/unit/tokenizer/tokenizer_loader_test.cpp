// Loading tokenizer.json and vocab.txt: what is understood, and what is refused in which words.
#include <gtest/gtest.h>

#include "support/temporary_directory.h"
#include "unit/tokenizer/small_tokenizer.h"
#include "valence/tokenizer.h"

namespace valence {
namespace {

using testing::TemporaryDirectory;
using tokenizer::SmallTokenizer;
using Ids = std::vector<std::int32_t>;

std::string error_of(const Result<Tokenizer>& loaded) { return loaded ? "accepted" : loaded.error().to_string(); }

std::string error_of(const SmallTokenizer& parts) {
  return error_of(Tokenizer::from_tokenizer_json(parts.json(), "tokenizer.json"));
}

void expect_refused(const SmallTokenizer& parts, std::string_view words) {
  const std::string error = error_of(parts);
  EXPECT_NE(error.find(words), std::string::npos) << error;
}

TEST(TokenizerJson, UnknownComponentIsNamedWithItsPlaceAndTheKnownOnes) {
  SmallTokenizer parts;
  parts.normalizer = R"({"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Transliterate"}]})";
  expect_refused(parts,
                 "tokenizer.json: normalizer.normalizers.1: normalizer \"Transliterate\" is not supported. Hint: ");
  parts = {};
  parts.pre_tokenizer = R"({"type":"Sentences"})";
  expect_refused(parts, "tokenizer.json: pre_tokenizer: pre_tokenizer \"Sentences\" is not supported");
  expect_refused(parts, "valence knows BertPreTokenizer, Sequence, Whitespace");
  parts = {};
  parts.post_processor = R"({"type":"NoProcessing"})";
  expect_refused(parts, "tokenizer.json: post_processor: post_processor \"NoProcessing\" is not supported");
  const auto model = Tokenizer::from_tokenizer_json(R"({"model":{"type":"WordLevel","vocab":{"a":0}}})", "t.json");
  EXPECT_NE(error_of(model).find("t.json: model: model \"WordLevel\" is not supported"), std::string::npos)
      << error_of(model);
}

TEST(TokenizerJson, UnsupportedHasItsOwnCode) {
  SmallTokenizer parts;
  parts.pre_tokenizer = R"({"type":"Sentences"})";
  EXPECT_EQ(Tokenizer::from_tokenizer_json(parts.json(), "t").error().code(), ErrorCode::kUnsupported);
}

TEST(TokenizerJson, RegularExpressionsAreRefusedNotIgnored) {
  SmallTokenizer parts;
  parts.normalizer = R"({"type":"Replace","pattern":{"Regex":"a+b"},"content":"b"})";
  expect_refused(parts, "normalizer.pattern: the regular expression \"a+b\" is not supported");
  parts.normalizer = R"({"type":"Replace","pattern":{"String":""},"content":"b"})";
  expect_refused(parts, "expected a pattern that is not empty");
}

TEST(TokenizerJson, HostileVocabulariesAreRefused) {
  SmallTokenizer parts;
  parts.vocabulary = R"({"[UNK]":0,"a":-1})";
  expect_refused(parts, "tokenizer.json: model.vocab: token \"a\" has id -1");
  parts.vocabulary = R"({"[UNK]":0,"a":4294967296})";
  expect_refused(parts, "token \"a\" has id 4294967296");
  parts.vocabulary = R"({"[UNK]":0,"a":0})";
  expect_refused(parts, "have the same id 0");
  parts.vocabulary = R"({"[UNK]":0,"a":1,"a":2})";
  expect_refused(parts, "token \"a\" has two ids");
  parts.vocabulary = "{}";
  expect_refused(parts, "the vocabulary is empty");
  parts.vocabulary = "[]";
  expect_refused(parts, "model.vocab: expected an object from tokens to ids");
  parts.vocabulary = R"({"a":0})";
  expect_refused(parts, "the unknown token \"[UNK]\" is not in the vocabulary");
}

TEST(TokenizerJson, SpecialTokensOutsideTheVocabularyAreRefused) {
  SmallTokenizer parts;
  parts.post_processor = R"({"type":"BertProcessing","sep":["[SEP]",999],"cls":["[CLS]",2]})";
  expect_refused(parts, "post_processor.sep.1: id 999 of a special token: expected 0 to 18");
}

TEST(TokenizerJson, TemplateMustHoldItsTextsOnce) {
  SmallTokenizer parts;
  parts.post_processor = R"({"type":"TemplateProcessing","single":[],"pair":[],"special_tokens":{}})";
  expect_refused(parts, "post_processor.single: expected sequence A, once");
  parts.post_processor = R"({"type":"TemplateProcessing","single":[{"Sequence":{"id":"A","type_id":0}},)"
                         R"({"SpecialToken":{"id":"X","type_id":0}}],)"
                         R"("pair":[],"special_tokens":{}})";
  expect_refused(parts, "the required key \"X\" is missing");
}

TEST(TokenizerJson, TemplateMayAddSeveralTokensAndTypes) {
  SmallTokenizer parts;
  parts.post_processor = R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"S","type_id":1}},)"
                         R"({"Sequence":{"id":"A","type_id":2}}],)"
                         R"("pair":[{"Sequence":{"id":"B","type_id":0}},{"Sequence":{"id":"A","type_id":1}}],)"
                         R"("special_tokens":{"S":{"id":"S","ids":[2,4],"tokens":["[CLS]","[MASK]"]}}})";
  const auto tokenizer = Tokenizer::from_tokenizer_json(parts.json(), "t");
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().to_string();
  EXPECT_EQ(tokenizer->encode("good")->ids, (Ids{2, 4, 5}));
  EXPECT_EQ(tokenizer->encode("good")->type_ids, (Ids{1, 1, 2}));
  EXPECT_EQ(tokenizer->encode_pair("good", "bad")->ids, (Ids{6, 5}));
  EXPECT_EQ(tokenizer->encode("good", {.add_special_tokens = false})->type_ids, (Ids{2}));
}

TEST(TokenizerJson, StagesMayBeAbsent) {
  SmallTokenizer parts;
  parts.normalizer = parts.pre_tokenizer = parts.post_processor = parts.added_tokens = "null";
  const auto tokenizer = Tokenizer::from_tokenizer_json(parts.json(), "t");
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().to_string();
  EXPECT_EQ(tokenizer->encode("good")->ids, (Ids{5}));
  EXPECT_EQ(tokenizer->encode("good bad")->ids, (Ids{1})) << "one word, spaces and all";
}

TEST(TokenizerJson, OldFilesMayLeaveTheModelTypeOut) {
  std::string json = SmallTokenizer().json();
  json.erase(json.find(R"("type":"WordPiece",)"), std::string_view(R"("type":"WordPiece",)").size());
  EXPECT_EQ(error_of(Tokenizer::from_tokenizer_json(json, "t")), "accepted");
}

TEST(TokenizerJson, EveryTruncatedFileIsRefused) {
  const std::string json = SmallTokenizer().json();
  for (std::size_t size = 0; size < json.size(); ++size) {
    ASSERT_FALSE(Tokenizer::from_tokenizer_json(json.substr(0, size), "t").has_value()) << size;
  }
}

TEST(TokenizerJson, EveryChangedByteIsRefusedOrEncodesSafely) {
  const std::string json = SmallTokenizer().json();
  for (std::size_t i = 0; i < json.size(); ++i) {
    for (const char byte : {'\0', '"', '{', '9', '\xFF'}) {
      std::string changed = json;
      changed[i] = byte;
      const auto tokenizer = Tokenizer::from_tokenizer_json(changed, "t");
      if (!tokenizer) continue;
      const auto encoding = tokenizer->encode("Not badly! 中é [MASK]");
      ASSERT_TRUE(encoding.has_value());
      for (const auto id : encoding->ids) ASSERT_LT(static_cast<std::size_t>(id), tokenizer->vocabulary_size());
    }
  }
}

TEST(TokenizerLoad, DirectoryWithoutTokenizerSaysWhatItLacks) {
  const TemporaryDirectory directory;
  const auto error = error_of(Tokenizer::load(directory.path()));
  EXPECT_NE(error.find("has neither tokenizer.json nor vocab.txt nor vocab.json with merges.txt"), std::string::npos)
      << error;
}

TEST(TokenizerLoad, JsonComesBeforeVocabTxtAndTheConfigGivesTheLength) {
  const TemporaryDirectory directory;
  directory.write("tokenizer.json", SmallTokenizer().json());
  directory.write("vocab.txt", "nonsense\n");
  directory.write("tokenizer_config.json", R"({"model_max_length": 128})");
  const auto tokenizer = Tokenizer::load(directory.path());
  ASSERT_TRUE(tokenizer.has_value()) << error_of(tokenizer);
  EXPECT_EQ(tokenizer->vocabulary_size(), 19U);
  EXPECT_EQ(tokenizer->model_max_length(), 128U);
}

TEST(TokenizerLoad, HugeModelMaxLengthMeansNone) {
  const TemporaryDirectory directory;
  directory.write("tokenizer.json", SmallTokenizer().json());
  directory.write("tokenizer_config.json", R"({"model_max_length": 1000000000000000019884624838656})");
  EXPECT_EQ(Tokenizer::load(directory.path())->model_max_length(), std::nullopt);
  directory.write("tokenizer_config.json", R"({"model_max_length": -5})");
  EXPECT_NE(error_of(Tokenizer::load(directory.path())).find("model_max_length: expected a positive"),
            std::string::npos);
}

constexpr std::string_view kVocabTxt = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nGood\n##é\na\n##e\n中\n";

Result<Tokenizer> load_legacy(std::string_view vocab, std::string_view config = {}) {
  const TemporaryDirectory directory;
  directory.write("vocab.txt", vocab);
  if (!config.empty()) directory.write("tokenizer_config.json", config);
  return Tokenizer::load(directory.path());
}

TEST(VocabTxt, LowersByDefaultAndNotWhenTheConfigSaysSo) {
  EXPECT_EQ(load_legacy(kVocabTxt)->encode("Good aé")->ids, (Ids{2, 5, 8, 9, 3}));
  EXPECT_EQ(load_legacy(kVocabTxt, R"({"do_lower_case":false})")->encode("Good aé")->ids, (Ids{2, 6, 8, 7, 3}));
  EXPECT_EQ(load_legacy(kVocabTxt, R"({"strip_accents":false})")->encode("aé")->ids, (Ids{2, 8, 7, 3}));
  EXPECT_EQ(load_legacy(kVocabTxt, R"({"tokenize_chinese_chars":false})")->encode("中中")->ids, (Ids{2, 1, 3}));
  EXPECT_EQ(load_legacy(kVocabTxt, R"({"do_basic_tokenize":false,"never_split":["aé"]})")->encode("aé")->ids,
            (Ids{2, 8, 9, 3}));
}

// As tokenizers' WordPiece.read_file has it: lines end at \n, lose trailing Unicode space, and a later line wins.
TEST(VocabTxt, LinesAreReadAsTheReferenceReadsThem) {
  EXPECT_EQ(load_legacy("[PAD]\r\n[UNK]\r\n[CLS]\r\n[SEP]\r\na")->encode("a")->ids, (Ids{2, 4, 3}));
  EXPECT_EQ(load_legacy("[UNK]\n[CLS]\n[SEP]\na\na\u3000\n")->encode("a")->ids, (Ids{1, 4, 2}));
  EXPECT_EQ(load_legacy("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n\na\n\n")->vocabulary_size(), 8U);
}

TEST(VocabTxt, SpecialTokensMayHaveOtherNames) {
  const auto tokenizer = load_legacy("<unk>\n<s>\n</s>\na\n",
                                     R"({"unk_token":"<unk>","cls_token":"<s>",)"
                                     R"("sep_token":{"__type":"AddedToken","content":"</s>","normalized":true}})");
  ASSERT_TRUE(tokenizer.has_value()) << error_of(tokenizer);
  EXPECT_EQ(tokenizer->encode("a b</s>")->ids, (Ids{1, 3, 0, 2, 2}));
}

TEST(VocabTxt, AddedTokensOfTheConfigFollowTheVocabulary) {
  const auto tokenizer =
      load_legacy(kVocabTxt, R"({"added_tokens_decoder":{"11":{"content":"<x>","special":true,"normalized":false}},)"
                             R"("additional_special_tokens":["<y>"]})");
  ASSERT_TRUE(tokenizer.has_value()) << error_of(tokenizer);
  EXPECT_EQ(tokenizer->encode("a<x><y>")->ids, (Ids{2, 8, 11, 12, 3}));
}

// transformers 5.23: BertTokenizer gives a role that the vocabulary lacks the next free id.
TEST(VocabTxt, MissingSpecialTokensFollowTheVocabulary) {
  const auto tokenizer = load_legacy("[UNK]\n[SEP]\n[MASK]\nhello\n[PAD]\n");
  ASSERT_TRUE(tokenizer.has_value()) << error_of(tokenizer);
  EXPECT_EQ(tokenizer->encode("hello x")->ids, (Ids{5, 3, 0, 1}));
}

TEST(VocabTxt, MissingUnknownTokenIsNamed) {
  EXPECT_NE(error_of(load_legacy("[CLS]\n[SEP]\na\n")).find("the unknown token \"[UNK]\" is not in the vocabulary"),
            std::string::npos);
}

TEST(VocabTxt, BadFilesAreRefused) {
  EXPECT_NE(error_of(load_legacy("")).find("the vocabulary is empty"), std::string::npos);
  EXPECT_NE(error_of(load_legacy("[UNK]\n\xFF\n")).find("invalid UTF-8 at byte 6"), std::string::npos);
  EXPECT_NE(error_of(load_legacy(kVocabTxt, "[]")).find("expected an object"), std::string::npos);
  EXPECT_NE(
      error_of(load_legacy(kVocabTxt, R"({"do_lower_case":"yes"})")).find("do_lower_case: expected true or false"),
      std::string::npos);
}

}  // namespace
}  // namespace valence
