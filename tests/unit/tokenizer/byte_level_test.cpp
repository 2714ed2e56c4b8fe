#include "valence/tokenizer/byte_level.h"

#include <gtest/gtest.h>

#include <set>

#include "unit/tokenizer/text_support.h"

namespace valence::tokenizer {
namespace {

struct Word {
  std::string spelled;
  ByteSpan source;
  friend bool operator==(const Word&, const Word&) = default;
  friend void PrintTo(const Word& word, std::ostream* out) {
    *out << word.spelled << '[' << word.source.begin << ',' << word.source.end << ')';
  }
};

std::vector<Word> words(const ByteLevelOptions& options, std::string_view utf8) {
  PreTokenizedText text{NormalizedText(utf8, 0), {}};
  if (!text.text.empty()) text.pieces = {{0, text.text.size()}};
  ByteLevelPreTokenizer(options).apply(text);
  std::vector<Word> cut;
  for (const Piece& piece : text.pieces) {
    Word& word = cut.emplace_back();
    text.text.append_utf8_of(piece.begin, piece.end, word.spelled);
    word.source = text.text.source_of(piece.begin, piece.end);
  }
  return cut;
}

TEST(ByteCharacters, AreDistinctAndPrintableBytesStandForThemselves) {
  const auto& characters = byte_characters();
  EXPECT_EQ(std::set<char32_t>(characters.begin(), characters.end()).size(), 256U);
  EXPECT_EQ(characters['!'], U'!');
  EXPECT_EQ(characters[' '], kByteLevelSpace);
  EXPECT_EQ(characters['\n'], U'Ċ');
  EXPECT_EQ(characters[0xAD], 0x143U) << "the soft hyphen is the last of those that do not show";
}

TEST(ByteLevel, SpellsBytesAndKeepsSources) {
  EXPECT_EQ(words({.add_prefix_space = false}, "a é"), (std::vector<Word>{{"a", {0, 1}}, {"ĠÃ©", {1, 4}}}));
  EXPECT_EQ(words({.add_prefix_space = false, .pattern = std::nullopt}, "a b"), (std::vector<Word>{{"aĠb", {0, 3}}}));
  EXPECT_TRUE(words({}, "").empty());
}

TEST(ByteLevel, SpacePutBeforeATextSharesItsFirstCharacter) {
  EXPECT_EQ(words({}, "é b"), (std::vector<Word>{{"ĠÃ©", {0, 2}}, {"Ġb", {2, 4}}}));
  EXPECT_EQ(words({}, " a"), (std::vector<Word>{{"Ġa", {0, 2}}})) << "none is needed";
  EXPECT_EQ(words({}, "\ta"), (std::vector<Word>{{"Ġ", {0, 1}}, {"ĉ", {0, 1}}, {"a", {1, 2}}}));
}

}  // namespace
}  // namespace valence::tokenizer
