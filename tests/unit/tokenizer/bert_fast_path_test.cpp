#include "valence/tokenizer/bert_fast_path.h"

#include <gtest/gtest.h>

#include <random>

#include "unit/tokenizer/small_tokenizer.h"
#include "unit/tokenizer/text_support.h"
#include "valence/base/utf8.h"

namespace valence::tokenizer {
namespace {

/// A tokenizer whose stages are the same, but wrapped so that the fast path does not recognise them.
SmallTokenizer with_stages_apart(SmallTokenizer parts) {
  parts.normalizer = R"({"type":"Sequence","normalizers":[)" + parts.normalizer + "]}";
  return parts;
}

std::string bert_normalizer(bool clean, bool chinese, const char* strip_accents, bool lowercase) {
  return fmt::format(
      R"({{"type":"BertNormalizer","clean_text":{},"handle_chinese_chars":{},"strip_accents":{},"lowercase":{}}})",
      clean, chinese, strip_accents, lowercase);
}

std::string random_text(std::mt19937& random) {
  static constexpr std::u32string_view kLikely =
      U"abgodtlyABÉé中!,- "
      U"\t\n\u0301\u0323\u0344\u200B\u00A0\u3000\uFFFD\u302E\u1D16D\u0130ßΣ\u1F88\uF900\u2260\u037E각";
  std::string text;
  const auto length = random() % 30;
  for (std::size_t i = 0; i < length; ++i) {
    char32_t c = kLikely[random() % kLikely.size()];
    if (random() % 20 == 0) c = static_cast<char32_t>(random() % 0x110000);
    if (c >= 0xD800 && c <= 0xDFFF) c = U'x';
    append_utf8(text, c);
    if (random() % 40 == 0) text += "[MASK]";
  }
  return text;
}

TEST(BertFastPath, AgreesWithTheStagesOnRandomTexts) {
  std::mt19937 random(20240607);
  for (const bool clean : {true, false}) {
    for (const bool chinese : {true, false}) {
      for (const char* strip_accents : {"null", "true", "false"}) {
        for (const bool lowercase : {true, false}) {
          SmallTokenizer parts;
          parts.normalizer = bert_normalizer(clean, chinese, strip_accents, lowercase);
          const auto fast = Tokenizer::from_tokenizer_json(parts.json(), "fast");
          const auto stages = Tokenizer::from_tokenizer_json(with_stages_apart(parts).json(), "stages");
          ASSERT_TRUE(fast.has_value() && stages.has_value());
          for (int i = 0; i < 1000; ++i) {
            const std::string text = random_text(random);
            const EncodeOptions options{.max_length = random() % 2 == 0 ? 0 : 2 + random() % 8};
            const auto a = fast->encode(text, options);
            const auto b = stages->encode(text, options);
            ASSERT_EQ(a->ids, b->ids) << parts.normalizer << " " << ::testing::PrintToString(text);
            ASSERT_EQ(a->offsets, b->offsets) << parts.normalizer << " " << ::testing::PrintToString(text);
            ASSERT_EQ(a->truncated, b->truncated);
            ASSERT_EQ(fast->encode(text, {.max_length = options.max_length, .with_offsets = false})->ids, b->ids);
          }
        }
      }
    }
  }
}

TEST(BertFastPath, LeavesMarksThatChangePlacesToTheStages) {
  VocabularyEntries entries;
  entries.add("[UNK]", 0);
  const auto model = WordPiece::build(*Vocabulary::build(std::move(entries), RepeatedToken::kRefused, "v"), {}, "m");
  ASSERT_TRUE(model.has_value());
  const BertFastPath fast_path({}, **model);
  std::vector<std::int32_t> ids{7};
  TokenSink sink(ids, nullptr, nullptr, TokenSink::kNoLimit);
  EXPECT_FALSE(fast_path.encode("a b\u302E\u0301", 0, sink));
  EXPECT_EQ(ids, (std::vector<std::int32_t>{7})) << "nothing of the text is left behind";
  EXPECT_TRUE(fast_path.encode("a b\u0301", 0, sink));
  EXPECT_EQ(ids, (std::vector<std::int32_t>{7, 0, 0}));
}

TEST(BertFastPath, WordOfExactlyTheLimitIsRead) {
  SmallTokenizer parts;
  const auto tokenizer = Tokenizer::from_tokenizer_json(parts.json(), "t");
  std::string word = "a";
  for (int i = 0; i < 99; ++i) word += "b";
  EXPECT_EQ(tokenizer->encode(word)->ids.size(), 102U);
  const auto longer = tokenizer->encode(word + "b é");
  EXPECT_EQ(longer->ids, (std::vector<std::int32_t>{2, 1, 1, 3}));
  EXPECT_EQ(longer->offsets[1], (ByteSpan{0, 101}));
  EXPECT_EQ(tokenizer->encode(word + "éb")->ids, (std::vector<std::int32_t>{2, 1, 3}));
}

}  // namespace
}  // namespace valence::tokenizer
