#include "valence/tokenizer/regex.h"

#include <gtest/gtest.h>

#include "valence/base/utf8.h"

namespace valence::tokenizer {
namespace {

std::vector<RegexMatch> matches(std::string_view pattern, std::string_view text) {
  return Regex::compile(pattern, "here").value().find_all(to_code_points(text)).value();
}
using Matches = std::vector<RegexMatch>;

TEST(Regex, MatchesAreCharactersFromTheLeft) {
  EXPECT_EQ(matches("é+", "aéébé"), (Matches{{1, 3}, {4, 5}}));
  EXPECT_EQ(matches("a|ab", "abab"), (Matches{{0, 1}, {2, 3}}));
  EXPECT_TRUE(matches("x", "").empty());
}

TEST(Regex, EmptyMatchNeverStandsWhereTheLastOneEnded) {
  EXPECT_EQ(matches("b*", "abba"), (Matches{{0, 0}, {1, 3}, {4, 4}}));
}

TEST(Regex, LineAnchorsAreThoseOfLinesAsInRuby) {
  EXPECT_EQ(matches("^.", "ab\ncd"), (Matches{{0, 1}, {3, 4}}));
  EXPECT_EQ(matches(".$", "ab\ncd"), (Matches{{1, 2}, {4, 5}}));
}

TEST(Regex, SpaceIsUnicodeWhiteSpaceWithoutTheMongolianVowelSeparator) {
  EXPECT_EQ(matches(R"(\s)", "\u180E\u3000\u0085"), (Matches{{1, 2}, {2, 3}}));
}

TEST(Regex, HIsAHexDigitAsInRuby) { EXPECT_EQ(matches(R"(\h+)", "xF0 \tg9"), (Matches{{1, 3}, {6, 7}})); }

TEST(Regex, CharactersYoungerThanPcre2AreLettersToo) {
  // U+2EBF0 is an ideograph of Unicode 15.1, U+1C89 a Cyrillic capital of Unicode 16.
  EXPECT_EQ(matches(R"(\p{Han})", "\U0002EBF0"), (Matches{{0, 1}}));
  EXPECT_EQ(matches(R"(\p{Lu})", "\u1C89"), (Matches{{0, 1}}));
}

// As PyPI tokenizers 0.23.3 was seen to split: punctuation that Han, Hiragana and Katakana share is of none of them.
TEST(Regex, ScriptIsWithoutTheCharactersThatItSharesWithOthers) {
  EXPECT_EQ(matches(R"(\p{Han}+)", "中、文。"), (Matches{{0, 1}, {2, 3}}));
  EXPECT_EQ(matches(R"([\p{Hiragana}\p{Katakana}]+)", "か、カ\uFF9E"), (Matches{{0, 1}, {2, 3}}));
  EXPECT_EQ(matches(R"(\p{^Han}+)", "中、。"), (Matches{{1, 3}}));
  EXPECT_EQ(matches(R"(\P{Greek}+)", "αb\u0342"), (Matches{{1, 3}}));
  EXPECT_EQ(matches(R"(\p{L}\p{Lu})", "aB"), (Matches{{0, 2}})) << "categories are no scripts";
}

TEST(Regex, IntervalsAreThoseOfRuby) {
  EXPECT_EQ(matches("ba{,2}", "baaab"), (Matches{{0, 3}, {4, 5}}));
  EXPECT_EQ(matches("a{1,2}?", "aa"), (Matches{{0, 1}, {1, 2}}));
  EXPECT_EQ(matches(R"(\x{61}+)", "aab"), (Matches{{0, 2}}));
  EXPECT_EQ(matches("a{x}", "a{x}"), (Matches{{0, 4}})) << "text";
}

TEST(Regex, WhatTheTwoSyntaxesReadDifferentlyIsRefusedByName) {
  for (const std::string_view pattern :
       {"[a&&b]", "[a[bc]]", "(?m:.)", "(?~a)", "(?<name>a)", R"(\Rx)", R"(\Ka)", R"([\W])", "[]a]", "a{1,2}+", "a{2}?",
        "b(?i)a|c", "(?i)sS", "(?i)[\u00DF]", "(a", R"(a\)", R"(\u12)", "(a)\\1", R"(\p{Nonsense})"}) {
    const auto regex = Regex::compile(pattern, "here");
    ASSERT_FALSE(regex.has_value()) << pattern;
    EXPECT_EQ(regex.error().code(), ErrorCode::kUnsupported) << pattern;
    EXPECT_EQ(regex.error().where(), "here") << pattern;
  }
}

TEST(Regex, CaseIsIgnoredWhereOneCharacterStandsForOne) {
  EXPECT_EQ(matches("(?i)é|k", "ÉK\u212A"), (Matches{{0, 1}, {1, 2}, {2, 3}}));
  EXPECT_EQ(matches("(?i:'s|'ll)", "'S'LL"), (Matches{{0, 2}, {2, 5}}));
  EXPECT_EQ(matches("ss|ß", "ssß"), (Matches{{0, 2}, {2, 3}})) << "case counts";
}

TEST(Regex, EndlessBacktrackingIsAnError) {
  const auto regex = Regex::compile("(?:a|a)+c", "here").value();
  const auto found = regex.find_all(std::u32string(64, U'a') + U" c");
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().code(), ErrorCode::kInvalidData);
}

}  // namespace
}  // namespace valence::tokenizer
