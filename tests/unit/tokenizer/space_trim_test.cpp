// Offsets as PyPI tokenizers 0.23.3 was seen to trim them.
#include "valence/tokenizer/space_trim.h"

#include <gtest/gtest.h>

#include "unit/tokenizer/text_support.h"

namespace valence::tokenizer {
namespace {

constexpr bool kFirst = true;
constexpr bool kLater = false;

TEST(EdgeSpaces, ByteLevelSpacesAndWhiteSpaceCount) {
  EXPECT_EQ(edge_spaces("ĠĠaĠ").leading, 2U);
  EXPECT_EQ(edge_spaces("ĠĠaĠ").trailing, 1U);
  EXPECT_EQ(edge_spaces(" \u3000<m>").leading, 2U);
  EXPECT_EQ(edge_spaces("ĠĠ").trailing, 2U) << "a token of nothing else has them at both ends";
  EXPECT_EQ(edge_spaces("").leading, 0U);
}

TEST(SpaceTrim, SpacesAtTheEndsGo) {
  EXPECT_EQ(SpaceTrim{}.apply("a b", {1, 3}, {1, 0}, kLater), (ByteSpan{2, 3}));
  EXPECT_EQ(SpaceTrim{}.apply("a  b", {1, 2}, {1, 1}, kLater), (ByteSpan{2, 2}));
  EXPECT_EQ(SpaceTrim{}.apply("<n> x", {0, 4}, {0, 1}, kFirst), (ByteSpan{0, 3}));
  EXPECT_EQ(SpaceTrim{}.apply(" a", {0, 1}, {1, 1}, kFirst), (ByteSpan{1, 1}));
}

TEST(SpaceTrim, CharactersOfTheTextAreCountedNotBytes) {
  EXPECT_EQ(SpaceTrim{}.apply("\u3000\u3000x", {0, 7}, {2, 0}, kLater), (ByteSpan{6, 7}));
  EXPECT_EQ(SpaceTrim{}.apply("x\u3000", {0, 4}, {0, 1}, kLater), (ByteSpan{0, 1}));
}

TEST(SpaceTrim, SingleSpaceThatMayHaveBeenPutThereStaysWithTheFirstToken) {
  EXPECT_EQ((SpaceTrim{.add_prefix_space = true}).apply("   x", {0, 2}, {2, 2}, kFirst), (ByteSpan{2, 2}));
  EXPECT_EQ((SpaceTrim{.add_prefix_space = true}).apply("ab", {0, 2}, {1, 0}, kFirst), (ByteSpan{0, 2}));
  EXPECT_EQ((SpaceTrim{.add_prefix_space = true}).apply("ab", {0, 1}, {1, 1}, kFirst), (ByteSpan{0, 0}));
  EXPECT_EQ((SpaceTrim{.add_prefix_space = true}).apply("<m>c", {3, 4}, {1, 0}, kLater), (ByteSpan{4, 4}))
      << "the reference takes a character that is no space";
}

}  // namespace
}  // namespace valence::tokenizer
