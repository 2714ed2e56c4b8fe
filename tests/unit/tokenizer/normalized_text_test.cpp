#include "valence/tokenizer/normalized_text.h"

#include <gtest/gtest.h>

#include "unit/tokenizer/text_support.h"

namespace valence::tokenizer {
namespace {

using Spans = std::vector<ByteSpan>;

TEST(NormalizedText, EachCharacterKnowsItsBytesInTheOriginal) {
  const NormalizedText text("aé中", 10);
  EXPECT_EQ(sources_of(text), (Spans{{10, 11}, {11, 13}, {13, 16}}));
  EXPECT_EQ(text.source_of(1, 3), (ByteSpan{11, 16}));
}

TEST(NormalizedText, ReplacementTakesTheSourceOfWhatItReplaces) {
  NormalizedText text("ab", 0);
  text.transform(std::vector<NormalizedText::Edit>{{U'x', 0}, {U'y', 0}});
  EXPECT_EQ(utf8_of(text), "xy");
  EXPECT_EQ(sources_of(text), (Spans{{0, 1}, {1, 2}}));
}

TEST(NormalizedText, NewCharacterSharesTheSourceOfTheOneBefore) {
  NormalizedText text("ab", 0);
  text.transform(std::vector<NormalizedText::Edit>{{U'a', 0}, {U'+', 1}, {U'b', 0}});
  EXPECT_EQ(sources_of(text), (Spans{{0, 1}, {0, 1}, {1, 2}}));
}

TEST(NormalizedText, NewCharacterAtTheBeginningHasAnEmptySource) {
  NormalizedText text("a", 7);
  text.transform(std::vector<NormalizedText::Edit>{{U'+', 1}, {U'a', 0}});
  EXPECT_EQ(sources_of(text), (Spans{{7, 7}, {7, 8}}));
}

TEST(NormalizedText, NegativeChangeDropsTheCharactersThatFollow) {
  NormalizedText text("abcd", 0);
  text.transform(std::vector<NormalizedText::Edit>{{U'a', -2}, {U'd', 0}});
  EXPECT_EQ(utf8_of(text), "ad");
  EXPECT_EQ(sources_of(text), (Spans{{0, 1}, {3, 4}}));
}

}  // namespace
}  // namespace valence::tokenizer
