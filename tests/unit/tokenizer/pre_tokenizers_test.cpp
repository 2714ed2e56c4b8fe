#include "valence/tokenizer/pre_tokenizers.h"

#include <gtest/gtest.h>

#include <string>

namespace valence::tokenizer {
namespace {

using Words = std::vector<std::string>;

Words split(const PreTokenizer& pre_tokenizer, std::string_view utf8) {
  PreTokenizedText text{NormalizedText(utf8, 0), {}};
  if (!text.text.empty()) text.pieces = {{0, text.text.size()}};
  pre_tokenizer.apply(text);
  Words words;
  for (const Piece& piece : text.pieces) text.text.append_utf8_of(piece.begin, piece.end, words.emplace_back());
  return words;
}

TEST(BertPreTokenizer, SpaceGoesAndPunctuationStandsAlone) {
  EXPECT_EQ(split(BertPreTokenizer(), " Hey, you!? "), (Words{"Hey", ",", "you", "!", "?"}));
}

TEST(BertPreTokenizer, EmptyAndBlankTextsHaveNoWords) {
  EXPECT_TRUE(split(BertPreTokenizer(), "").empty());
  EXPECT_TRUE(split(BertPreTokenizer(), " \n\u3000").empty());
}

TEST(WhitespaceSplit, KeepsPunctuationInWords) {
  EXPECT_EQ(split(WhitespaceSplit(), "a, b\tc"), (Words{"a,", "b", "c"}));
}

TEST(WhitespacePreTokenizer, SeparatesWordCharactersFromOthers) {
  EXPECT_EQ(split(WhitespacePreTokenizer(), "don't!? a_b"), (Words{"don", "'", "t", "!?", "a_b"}));
}

// The examples of Hugging Face's SplitDelimiterBehavior.
TEST(Punctuation, EachBehaviorCutsAsItsNameSays) {
  const auto cut = [](SplitBehavior behavior) {
    return split(PunctuationPreTokenizer(behavior), "the-final--countdown");
  };
  EXPECT_EQ(cut(SplitBehavior::kRemoved), (Words{"the", "final", "countdown"}));
  EXPECT_EQ(cut(SplitBehavior::kIsolated), (Words{"the", "-", "final", "-", "-", "countdown"}));
  EXPECT_EQ(cut(SplitBehavior::kMergedWithPrevious), (Words{"the-", "final-", "-", "countdown"}));
  EXPECT_EQ(cut(SplitBehavior::kMergedWithNext), (Words{"the", "-final", "-", "-countdown"}));
  EXPECT_EQ(cut(SplitBehavior::kContiguous), (Words{"the", "-", "final", "--", "countdown"}));
}

TEST(Digits, TogetherOrOneByOne) {
  EXPECT_EQ(split(DigitsPreTokenizer(false), "a12b"), (Words{"a", "12", "b"}));
  EXPECT_EQ(split(DigitsPreTokenizer(true), "a12b"), (Words{"a", "1", "2", "b"}));
}

TEST(Split, LiteralIsFoundFromTheLeftWithoutOverlap) {
  const auto cut = [](std::string_view text, const SplitOptions& options) {
    return split(SplitPreTokenizer(LiteralSearch(U"aa"), options), text);
  };
  EXPECT_EQ(cut("baaac", {}), (Words{"b", "aa", "ac"}));
  EXPECT_EQ(cut("aaaa", {}), (Words{"aa", "aa"}));
  EXPECT_EQ(cut("baac", {.behavior = SplitBehavior::kRemoved}), (Words{"b", "c"}));
  EXPECT_EQ(cut("baac", {.behavior = SplitBehavior::kRemoved, .invert = true}), (Words{"aa"}));
  EXPECT_EQ(cut("bac", {}), (Words{"bac"}));
}

TEST(Split, MatchesOfAWordPatternAreWhatTheTextIsSplitAt) {
  const auto cut = [](const SplitOptions& options) {
    return split(SplitPreTokenizer(WordPattern::kGpt2, options), "ab cd");
  };
  EXPECT_EQ(cut({}), (Words{"ab", " cd"}));
  EXPECT_EQ(cut({.behavior = SplitBehavior::kRemoved, .invert = true}), (Words{"ab", " cd"}));
  EXPECT_EQ(cut({.behavior = SplitBehavior::kRemoved}), Words{});
  EXPECT_EQ(cut({.behavior = SplitBehavior::kContiguous}), (Words{"ab cd"}));
}

TEST(PreTokenizerSequence, LaterStepsCutWhatEarlierOnesLeft) {
  std::vector<std::unique_ptr<const PreTokenizer>> steps;
  steps.push_back(std::make_unique<const WhitespaceSplit>());
  steps.push_back(std::make_unique<const DigitsPreTokenizer>(true));
  EXPECT_EQ(split(PreTokenizerSequence(std::move(steps)), "a1 2"), (Words{"a", "1", "2"}));
}

TEST(PreTokenizers, AddedTokensAreNotCut) {
  PreTokenizedText text{NormalizedText("a b", 0), {{0, 3, 7}}};
  BertPreTokenizer().apply(text);
  ASSERT_EQ(text.pieces.size(), 1U);
  EXPECT_EQ(text.pieces[0].added_token_id, 7);
}

}  // namespace
}  // namespace valence::tokenizer
