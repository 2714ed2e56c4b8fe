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

TEST(Regex, WhatTheTwoSyntaxesReadDifferentlyIsRefusedByName) {
  for (const std::string_view pattern : {"[a&&b]", "[a[bc]]", "(?m:.)", "(?~a)", "(?<name>a)", R"(\Rx)", R"(\Ka)",
                                         R"([\W])", "[]a]", "(a", R"(a\)", R"(\u12)", "(a)\\1", R"(\p{Nonsense})"}) {
    const auto regex = Regex::compile(pattern, "here");
    ASSERT_FALSE(regex.has_value()) << pattern;
    EXPECT_EQ(regex.error().code(), ErrorCode::kUnsupported) << pattern;
    EXPECT_EQ(regex.error().where(), "here") << pattern;
  }
}

TEST(Regex, EndlessBacktrackingIsAnError) {
  const auto regex = Regex::compile("(?:a|a)+c", "here").value();
  const auto found = regex.find_all(std::u32string(64, U'a') + U" c");
  ASSERT_FALSE(found.has_value());
  EXPECT_EQ(found.error().code(), ErrorCode::kInvalidData);
}

}  // namespace
}  // namespace valence::tokenizer
