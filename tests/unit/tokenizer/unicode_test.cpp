#include "valence/tokenizer/unicode.h"

#include <gtest/gtest.h>

#include <string>

namespace valence::tokenizer {
namespace {

std::u32string text_of(const CodePoints& points) { return {points.begin(), points.end()}; }

TEST(Unicode, FormatCharactersAreCleanedAwayButTabsAndNewlinesAreSpace) {
  EXPECT_TRUE(has_flag(0x200B, kCleanedAway));
  EXPECT_TRUE(has_flag(0xFFFD, kCleanedAway));
  EXPECT_TRUE(has_flag(U'\0', kCleanedAway));
  EXPECT_FALSE(has_flag(U'\t', kCleanedAway));
  EXPECT_TRUE(has_flag(U'\n', kWhitespace));
  EXPECT_TRUE(has_flag(0x3000, kWhitespace));
}

TEST(Unicode, AsciiSymbolsCountAsPunctuation) {
  for (const char32_t c : std::u32string_view(U"$+<=>^`|~!\"[]"))
    EXPECT_TRUE(has_flag(c, kPunctuation)) << static_cast<std::uint32_t>(c);
  EXPECT_FALSE(has_flag(0x20AC, kPunctuation)) << "the euro sign is a currency symbol";
  EXPECT_TRUE(has_flag(0x2014, kPunctuation));
}

TEST(Unicode, ChineseIsIdeographsNotKana) {
  EXPECT_TRUE(has_flag(U'中', kChinese));
  EXPECT_FALSE(has_flag(U'あ', kChinese));
  EXPECT_FALSE(has_flag(U'한', kChinese));
}

TEST(Unicode, LowercaseIsOneCodePointExceptForDottedCapitalI) {
  EXPECT_EQ(text_of(lowercase(U'A')), U"a");
  EXPECT_EQ(text_of(lowercase(U'a')), U"a");
  EXPECT_EQ(text_of(lowercase(U'Ω')), U"ω");
  EXPECT_EQ(text_of(lowercase(U'Σ')), U"σ") << "no final form: characters are mapped one by one";
  EXPECT_EQ(text_of(lowercase(0x130)), U"i\u0307");
  EXPECT_EQ(text_of(lowercase(0x1E9E)), U"ß");
}

TEST(Unicode, DecompositionIsFull) {
  EXPECT_EQ(text_of(decompose(0x1EA4, Decomposition::kCanonical)), U"A\u0302\u0301");
  EXPECT_EQ(text_of(decompose(U'각', Decomposition::kCanonical)), U"\u1100\u1161\u11A8");
  EXPECT_EQ(text_of(decompose(0xFB01, Decomposition::kCanonical)), U"\uFB01");
  EXPECT_EQ(text_of(decompose(0xFB01, Decomposition::kCompatible)), U"fi");
  EXPECT_EQ(decompose(0xFDFA, Decomposition::kCompatible).size, 18U) << "the longest there is";
}

// U+11938 came with Unicode 13, after the normalization tables of the reference.
TEST(Unicode, CodePointsNewerThanTheReferenceDoNotNormalize) {
  EXPECT_EQ(text_of(decompose(0x11938, Decomposition::kCanonical)), U"\U00011938");
  EXPECT_FALSE(compose(0x11935, 0x11930).has_value());
  EXPECT_EQ(combining_class(0x1AC1), 0);
}

TEST(Unicode, CombiningClassesOrderMarks) {
  EXPECT_EQ(combining_class(U'a'), 0);
  EXPECT_EQ(combining_class(0x0301), 230);
  EXPECT_EQ(combining_class(0x0323), 220);
}

TEST(Unicode, CompositionJoinsPairsAndHangul) {
  EXPECT_EQ(compose(U'e', 0x0301), U'é');
  EXPECT_EQ(compose(0x1100, 0x1161), U'가');
  EXPECT_EQ(compose(U'가', 0x11A8), U'각');
  EXPECT_FALSE(compose(U'a', U'b').has_value());
  EXPECT_FALSE(compose(0x0915, 0x093C).has_value()) << "excluded from composition";
}

TEST(Unicode, WordAndNumericClassesAreThoseOfTheReference) {
  EXPECT_TRUE(is_word(U'_'));
  EXPECT_TRUE(is_word(0x0301));
  EXPECT_FALSE(is_word(U'-'));
  EXPECT_TRUE(is_numeric(U'½'));
  EXPECT_FALSE(is_numeric(U'a'));
  EXPECT_TRUE(is_combining_mark(0x0903)) << "a spacing mark";
  EXPECT_FALSE(has_flag(0x0903, kNonspacingMark));
}

}  // namespace
}  // namespace valence::tokenizer
