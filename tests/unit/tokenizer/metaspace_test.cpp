#include "valence/tokenizer/metaspace.h"

#include <gtest/gtest.h>

#include "unit/tokenizer/text_support.h"

namespace valence::tokenizer {
namespace {

using Words = std::vector<std::string>;

PreTokenizedText applied(const MetaspaceOptions& options, std::string_view text, std::uint32_t begin = 0) {
  PreTokenizedText pre_tokenized{NormalizedText(text, begin), {}};
  pre_tokenized.pieces.push_back({0, pre_tokenized.text.size()});
  MetaspacePreTokenizer(options).apply(pre_tokenized);
  return pre_tokenized;
}

Words words_of(const PreTokenizedText& text) {
  Words words;
  for (const auto& piece : text.pieces) text.text.append_utf8_of(piece.begin, piece.end, words.emplace_back());
  return words;
}

TEST(Metaspace, WordsBeginWithTheSignOfTheirSpace) {
  EXPECT_EQ(words_of(applied({}, "Hey my  friend ")), (Words{"▁Hey", "▁my", "▁", "▁friend", "▁"}));
  EXPECT_EQ(words_of(applied({.split = false}, "Hey my friend")), (Words{"▁Hey▁my▁friend"}));
}

TEST(Metaspace, NothingIsPrependedToASpaceOrItsSign) {
  EXPECT_EQ(words_of(applied({}, " a")), (Words{"▁a"}));
  EXPECT_EQ(words_of(applied({}, "▁a")), (Words{"▁a"}));
}

TEST(Metaspace, SchemeSaysWhichPiecesGetOne) {
  EXPECT_EQ(words_of(applied({.prepend_scheme = PrependScheme::kNever}, "a b")), (Words{"a", "▁b"}));
  EXPECT_EQ(words_of(applied({.prepend_scheme = PrependScheme::kFirst}, "a b")), (Words{"▁a", "▁b"}));
  EXPECT_EQ(words_of(applied({.prepend_scheme = PrependScheme::kFirst}, "a b", 3)), (Words{"a", "▁b"}))
      << "not at the beginning of the original";
}

TEST(Metaspace, SignSharesTheSourceOfWhatItStandsBefore) {
  EXPECT_EQ(sources_of(applied({}, "é b").text), (std::vector<ByteSpan>{{0, 2}, {0, 2}, {2, 3}, {3, 4}}));
}

TEST(Metaspace, AddedTokensAreLeftAlone) {
  PreTokenizedText text{NormalizedText("a b", 0), {{0, 1}, {1, 3, 7}}};
  MetaspacePreTokenizer({}).apply(text);
  EXPECT_EQ(words_of(text), (Words{"▁a", " b"}));
  EXPECT_EQ(text.pieces[1].added_token_id, 7);
}

}  // namespace
}  // namespace valence::tokenizer
