#include "valence/tokenizer/added_tokens.h"

#include <gtest/gtest.h>

namespace valence::tokenizer {
namespace {

using Pattern = AddedTokenMatcher::Pattern;

std::string cut(std::vector<Pattern> patterns, std::string_view text) {
  const AddedTokenMatcher matcher(std::move(patterns));
  AddedTokenMatcher::Sections sections(matcher, text);
  std::string shown;
  while (const auto section = sections.next()) {
    const auto part = text.substr(section->begin, section->end - section->begin);
    shown += section->added_token_id ? "<" + std::string(part) + "=" + std::to_string(*section->added_token_id) + ">"
                                     : "(" + std::string(part) + ")";
  }
  return shown;
}

Pattern plain(std::string text, std::int32_t id) { return {std::move(text), id, false, false, false}; }

TEST(AddedTokenMatcher, CutsTheTextAtItsTokens) {
  EXPECT_EQ(cut({plain("[M]", 1)}, "a[M]b"), "(a)<[M]=1>(b)");
  EXPECT_EQ(cut({plain("[M]", 1)}, "[M][M]"), "<[M]=1><[M]=1>");
  EXPECT_EQ(cut({plain("[M]", 1)}, "[m] [M"), "([m] [M)");
  EXPECT_EQ(cut({plain("[M]", 1)}, ""), "");
  EXPECT_EQ(cut({}, "abc"), "(abc)");
}

TEST(AddedTokenMatcher, LeftmostThenLongestWins) {
  EXPECT_EQ(cut({plain("aba", 1), plain("ab", 2), plain("bac", 3)}, "abac"), "<aba=1>(c)");
  EXPECT_EQ(cut({plain("ab", 2), plain("abcd", 1)}, "abce abcd"), "<ab=2>(ce )<abcd=1>");
}

TEST(AddedTokenMatcher, SingleWordNeedsFreedomOnBothSides) {
  const Pattern word{"ab", 1, true, false, false};
  EXPECT_EQ(cut({word}, "ab abx xab éab -ab-"), "<ab=1>( abx xab éab -)<ab=1>(-)");
}

TEST(AddedTokenMatcher, StripTakesSpaceAlong) {
  const Pattern both{"X", 1, false, true, true};
  EXPECT_EQ(cut({both}, "a \u3000X\n b"), "(a)< \u3000X\n =1>(b)");
  EXPECT_EQ(cut({both}, "a  X  X  b"), "(a)<  X  =1><X  =1>(b)");
}

// The reference searches on from where the token's own bytes end, not from where rstrip does.
TEST(AddedTokenMatcher, TokenThatBeginsWithSpaceMayOverlapWhatWasStripped) {
  EXPECT_EQ(cut({{"X", 1, false, false, true}, plain(" Y", 2)}, "X Y"), "<X =1>< Y=2>");
}

TEST(AddedTokenMatcher, SpaceThatIsAlreadyTakenIsNoTokenAgain) {
  EXPECT_EQ(cut({{"X", 1, false, false, true}, {" ", 2, false, true, false}}, "X  b"), "<X  =1>(b)");
}

Vocabulary small_vocabulary() {
  VocabularyEntries entries;
  for (const char* token : {"[UNK]", "a", "b"}) entries.add(token, static_cast<std::int64_t>(entries.entries.size()));
  return *Vocabulary::build(std::move(entries), RepeatedToken::kRefused, "vocab");
}

AddedToken token(std::int64_t id, std::string content, bool normalized = false) {
  AddedToken added;
  added.id = id;
  added.content = std::move(content);
  added.normalized = normalized;
  return added;
}

TEST(AddedTokens, KnownTokensKeepTheirIdAndNewOnesFollowTheVocabulary) {
  const auto added =
      AddedTokens::build({token(1, "a"), token(3, "new"), token(4, "newer")}, small_vocabulary(), nullptr, "t");
  ASSERT_TRUE(added.has_value()) << added.error().to_string();
  EXPECT_EQ(added->highest_id(), 4);
}

TEST(AddedTokens, IdThatTheReferenceWouldNotGiveIsRefused) {
  const auto added = AddedTokens::build({token(9, "new")}, small_vocabulary(), nullptr, "t.json: added_tokens");
  ASSERT_FALSE(added.has_value());
  EXPECT_NE(added.error().to_string().find("added token \"new\" has id 9, but the vocabulary makes it 3"),
            std::string::npos);
}

TEST(AddedTokens, EmptyTokensAreSkipped) {
  const auto added = AddedTokens::build({token(77, "")}, small_vocabulary(), nullptr, "t");
  ASSERT_TRUE(added.has_value());
  EXPECT_TRUE(added->tokens().empty());
}

TEST(AddedTokens, NormalizedTokensMatchInTheirNormalizedForm) {
  const Lowercase lowercase;
  const auto added = AddedTokens::build({token(3, "NEW", true), token(4, "Raw")}, small_vocabulary(), &lowercase, "t");
  ASSERT_TRUE(added.has_value());
  AddedTokenMatcher::Sections normalized(added->in_normalized(), "new");
  EXPECT_EQ(normalized.next()->added_token_id, 3);
  AddedTokenMatcher::Sections original(added->in_original(), "Raw");
  EXPECT_EQ(original.next()->added_token_id, 4);
}

TEST(AddedTokens, OverlongTokenIsRefused) {
  EXPECT_FALSE(AddedTokens::build({token(3, std::string(100'000, 'x'))}, small_vocabulary(), nullptr, "t").has_value());
}

}  // namespace
}  // namespace valence::tokenizer
