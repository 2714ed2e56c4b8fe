#include "valence/tokenizer/normalizers.h"

#include <gtest/gtest.h>

#include "unit/tokenizer/text_support.h"

namespace valence::tokenizer {
namespace {

using Spans = std::vector<ByteSpan>;

TEST(BertNormalizer, CleansLowersAndStripsAccentsByDefault) {
  EXPECT_EQ(normalized_utf8(BertNormalizer({}), "Héllo\tWÖRLD\u200B!"), "hello world!");
}

TEST(BertNormalizer, CasedKeepsCaseAndAccents) {
  EXPECT_EQ(normalized_utf8(BertNormalizer({.lowercase = false}), "Héllo"), "Héllo");
}

TEST(BertNormalizer, StripAccentsCanBeSetApartFromLowercase) {
  EXPECT_EQ(normalized_utf8(BertNormalizer({.strip_accents = false}), "HÉLLO"), "héllo");
  EXPECT_EQ(normalized_utf8(BertNormalizer({.strip_accents = true, .lowercase = false}), "HÉLLO"), "HELLO");
}

TEST(BertNormalizer, ChineseCharactersStandBetweenSpaces) {
  const auto text = normalized(BertNormalizer({}), "a中b");
  EXPECT_EQ(utf8_of(text), "a 中 b");
  EXPECT_EQ(sources_of(text), (Spans{{0, 1}, {1, 4}, {1, 4}, {1, 4}, {4, 5}}));
}

TEST(BertNormalizer, SourcesSkipWhatWasRemoved) {
  const auto text = normalized(BertNormalizer({}), "e\u0301x\u200By");
  EXPECT_EQ(utf8_of(text), "exy");
  EXPECT_EQ(sources_of(text), (Spans{{0, 1}, {3, 4}, {7, 8}}));
}

TEST(Lowercase, ExpandedCharacterKeepsOneSource) {
  const auto text = normalized(Lowercase(), "İx");
  EXPECT_EQ(utf8_of(text), "i\u0307x");
  EXPECT_EQ(sources_of(text), (Spans{{0, 2}, {0, 2}, {2, 3}}));
}

TEST(UnicodeNormalizer, FormsAreThoseOfUnicode) {
  EXPECT_EQ(normalized_utf8(UnicodeNormalizer(UnicodeForm::kNfd), "é"), "e\u0301");
  EXPECT_EQ(normalized_utf8(UnicodeNormalizer(UnicodeForm::kNfc), "e\u0301"), "é");
  EXPECT_EQ(normalized_utf8(UnicodeNormalizer(UnicodeForm::kNfkd), "ﬁ①"), "fi1");
  EXPECT_EQ(normalized_utf8(UnicodeNormalizer(UnicodeForm::kNfkc), "ﬁe\u0301"), "fié");
}

TEST(UnicodeNormalizer, MarksComeInCanonicalOrder) {
  EXPECT_EQ(normalized_utf8(UnicodeNormalizer(UnicodeForm::kNfd), "a\u0301\u0323"), "a\u0323\u0301");
  EXPECT_EQ(normalized_utf8(UnicodeNormalizer(UnicodeForm::kNfc), "a\u0301\u0323"), "ạ\u0301");
}

// The reference composes over a mark that stays, then lets that mark take the next source in order.
TEST(UnicodeNormalizer, MarkThatStaysTakesTheNextSource) {
  const auto text = normalized(UnicodeNormalizer(UnicodeForm::kNfc), "a\u0327\u0301");
  EXPECT_EQ(utf8_of(text), "á\u0327");
  EXPECT_EQ(sources_of(text), (Spans{{0, 1}, {3, 5}}));
}

TEST(UnicodeNormalizer, ManyMarksTakeLinearithmicTime) {
  std::string text = "a";
  for (int i = 0; i < 100'000; ++i) text += i % 2 == 0 ? "\u0301" : "\u0323";
  EXPECT_EQ(normalized(UnicodeNormalizer(UnicodeForm::kNfc), text).size(), 100'000U) << "one mark joins the a";
}

TEST(StripAccents, RemovesMarksButDecomposesNothing) { EXPECT_EQ(normalized_utf8(StripAccents(), "e\u0301é"), "eé"); }

TEST(Strip, TakesUnicodeSpaceFromTheChosenEnds) {
  EXPECT_EQ(normalized_utf8(Strip(true, true), "\u3000 a b \n"), "a b");
  EXPECT_EQ(normalized_utf8(Strip(true, false), " a "), "a ");
  EXPECT_EQ(normalized_utf8(Strip(false, true), " a "), " a");
  EXPECT_EQ(normalized_utf8(Strip(true, true), "   "), "");
}

TEST(Replace, FindsOccurrencesFromTheLeftWithoutOverlap) {
  EXPECT_EQ(normalized_utf8(Replace("aa", "b"), "aaaaa"), "bba");
  EXPECT_EQ(normalized_utf8(Replace("aab", "-"), "aaab"), "a-");
  EXPECT_EQ(normalized_utf8(Replace("é", ""), "éaé"), "a");
}

TEST(Replace, NewCharactersTakeTheSourceOfTheLastReplaced) {
  EXPECT_EQ(sources_of(normalized(Replace("ab", "xyz"), "_ab_")), (Spans{{0, 1}, {2, 3}, {2, 3}, {2, 3}, {3, 4}}));
}

TEST(Prepend, LeavesAnEmptyTextEmpty) {
  EXPECT_EQ(normalized_utf8(Prepend("_"), ""), "");
  EXPECT_EQ(sources_of(normalized(Prepend("_"), "é")), (Spans{{0, 2}, {0, 2}}));
}

TEST(NormalizerSequence, AppliesItsStepsInOrder) {
  std::vector<std::unique_ptr<const Normalizer>> steps;
  steps.push_back(std::make_unique<const Lowercase>());
  steps.push_back(std::make_unique<const Replace>("a", "B"));
  EXPECT_EQ(normalized_utf8(NormalizerSequence(std::move(steps)), "Aa"), "BB");
}

}  // namespace
}  // namespace valence::tokenizer
