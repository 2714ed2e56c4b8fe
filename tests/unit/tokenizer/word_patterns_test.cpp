// Words worked out by hand from the expressions.
#include "valence/tokenizer/word_patterns.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "valence/tokenizer/word_scanner.h"

namespace valence::tokenizer {
namespace {

using Words = std::vector<std::string>;

Words words(WordPattern pattern, std::string_view text) {
  Words cut;
  const ScannedUtf8 scanned(text);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = word_end(pattern, scanned, at);
    cut.emplace_back(text.substr(at, end - at));
    at = end;
  }
  return cut;
}

Words gpt2(std::string_view text) { return words(WordPattern::kGpt2, text); }
Words gpt4(std::string_view text) { return words(WordPattern::kGpt4, text); }

TEST(WordPatterns, OnlyTheExactTextIsKnown) {
  EXPECT_EQ(find_word_pattern(R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)"),
            WordPattern::kGpt2);
  EXPECT_EQ(find_word_pattern(R"(\p{L}+)"), std::nullopt);
  EXPECT_EQ(find_word_pattern(""), std::nullopt);
}

TEST(Gpt2Words, OneSpaceGoesWithTheWordAfterIt) {
  EXPECT_EQ(gpt2("Hello  world 12!"), (Words{"Hello", " ", " world", " 12", "!"}));
  EXPECT_EQ(gpt2("a\tb"), (Words{"a", "\t", "b"}));
  EXPECT_EQ(gpt2("a\n\n b"), (Words{"a", "\n\n", " b"}));
  EXPECT_EQ(gpt2("a  \n"), (Words{"a", "  \n"}));
  EXPECT_EQ(gpt2("a \u3000b"), (Words{"a", " ", "\u3000", "b"}));
}

TEST(Gpt2Words, ContractionsAreCutInLowerCaseOnly) {
  EXPECT_EQ(gpt2("we'll I'm it's"), (Words{"we", "'ll", " I", "'m", " it", "'s"}));
  EXPECT_EQ(gpt2("IT'S"), (Words{"IT", "'", "S"}));
  EXPECT_EQ(gpt2("'lk 'r '"), (Words{"'", "lk", " '", "r", " '"}));
  EXPECT_EQ(gpt2("'street"), (Words{"'s", "treet"}));
}

TEST(Gpt2Words, LettersNumbersAndTheRestNeverMix) {
  EXPECT_EQ(gpt2("x1½²é中।"), (Words{"x", "1½²", "é中", "।"}));
  EXPECT_EQ(gpt2("e\u0301a"), (Words{"e", "\u0301", "a"})) << "a mark is no letter";
}

TEST(Gpt4Words, NumbersComeInThrees) {
  EXPECT_EQ(gpt4("12345 6"), (Words{"123", "45", " ", "6"}));
  EXPECT_EQ(words(WordPattern::kQwen2, "12 3"), (Words{"1", "2", " ", "3"}));
}

TEST(Gpt4Words, AnyOneCharacterMayLeadAWord) {
  EXPECT_EQ(gpt4("(hello) \thi"), (Words{"(hello", ")", " ", "\thi"}));
  EXPECT_EQ(gpt4("\nhi 'hi"), (Words{"\n", "hi", " '", "hi"}));
}

TEST(Gpt4Words, ContractionsAreCutInAnyCase) {
  EXPECT_EQ(gpt4("IT'S We'Ll x'\u017F"), (Words{"IT", "'S", " We", "'Ll", " x", "'\u017F"}));
}

TEST(Gpt4Words, NewlinesCloseSymbolsAndWhiteSpace) {
  EXPECT_EQ(gpt4("a!\n\nb"), (Words{"a", "!\n\n", "b"}));
  EXPECT_EQ(gpt4("a \n  b"), (Words{"a", " \n", " ", " b"}));
  EXPECT_EQ(gpt4("a  "), (Words{"a", "  "}));
}

}  // namespace
}  // namespace valence::tokenizer
