#include "valence/tokenizer/unigram.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace valence::tokenizer {
namespace {

using Pieces = std::vector<std::pair<std::string, double>>;
using Spans = std::vector<std::tuple<std::string, std::uint32_t, std::uint32_t>>;

Result<std::unique_ptr<const Unigram>> build(const Pieces& pieces, const UnigramOptions& options = {}) {
  ScoredVocabulary vocabulary;
  for (const auto& [token, score] : pieces) vocabulary.add(token, score);
  return Unigram::build(std::move(vocabulary), options, "model");
}

Spans tokens_of(const Unigram& model, std::string_view word) {
  std::vector<ModelToken> tokens;
  model.tokenize(word, tokens);
  Spans named;
  for (const auto& token : tokens) {
    named.emplace_back(model.vocabulary().token(token.id).value(), token.begin, token.end);
  }
  return named;
}

// The example in the documentation of Hugging Face tokenizers' Unigram::encode.
TEST(Unigram, TakesTheTokensWhoseScoresAddUpToMost) {
  const auto model =
      build({{"<unk>", 0}, {"a", 0}, {"b", 0}, {"c", 0}, {"d", 0}, {"cd", 1}, {"ab", 2}, {"abc", 5}, {"abcd", 10}});
  EXPECT_EQ(tokens_of(**model, "abcdacdxx"), (Spans{{"abcd", 0, 4}, {"a", 4, 5}, {"cd", 5, 7}, {"<unk>", 7, 9}}));
}

TEST(Unigram, OfEqualSumsTheLongestLastTokenStays) {
  const auto model = build({{"<unk>", 0}, {"a", -1}, {"b", -1}, {"c", -1}, {"ab", -1}, {"bc", -1}});
  EXPECT_EQ(tokens_of(**model, "abc"), (Spans{{"a", 0, 1}, {"bc", 1, 3}}));
}

TEST(Unigram, UnknownCharacterCostsTenBelowTheLowestScore) {
  // "ab" as a token scores -20.5 and as a and unknown b -1 - (20.5 + 10): the token wins although it is so low.
  const auto model = build({{"<unk>", 0}, {"a", -1}, {"ab", -20.5}});
  EXPECT_EQ(tokens_of(**model, "ab"), (Spans{{"ab", 0, 2}}));
}

TEST(Unigram, NeighbouringUnknownsAreOneToken) {
  const auto model = build({{"<unk>", 0}, {"a", -1}});
  EXPECT_EQ(tokens_of(**model, "中文a中"), (Spans{{"<unk>", 0, 6}, {"a", 6, 7}, {"<unk>", 7, 10}}));
}

TEST(Unigram, UnknownTokenSpelledInTheTextJoinsUnknowns) {
  const auto model = build({{"<unk>", 0}, {"a", -1}});
  EXPECT_EQ(tokens_of(**model, "x<unk>x"), (Spans{{"<unk>", 0, 7}}));
}

TEST(Unigram, UnknownsThatSpellATokenAreThatToken) {
  // Two unknown x cost less than the token xx, but together they are looked up again.
  const auto model = build({{"<unk>", 0}, {"xx", -1000}, {"a", -1}});
  EXPECT_EQ(tokens_of(**model, "xx"), (Spans{{"xx", 0, 2}}));
}

TEST(Unigram, BytesOfAnUnknownStretchAllTellTheWholeOfIt) {
  const Pieces pieces = {{"<unk>", 0}, {"a", -1}, {"<0xC3>", -2}, {"<0xA9>", -2}, {"<0xA8>", -2}};
  const auto model = build(pieces, {.byte_fallback = true});
  for (int round = 0; round < 2; ++round) {  // as found, and as kept
    EXPECT_EQ(
        tokens_of(**model, "aéèa"),
        (Spans{{"a", 0, 1}, {"<0xC3>", 1, 5}, {"<0xA9>", 1, 5}, {"<0xC3>", 1, 5}, {"<0xA8>", 1, 5}, {"a", 5, 6}}));
  }
  EXPECT_EQ(tokens_of(**model, "éx"), (Spans{{"<unk>", 0, 3}})) << "x has no byte token";
  EXPECT_EQ(tokens_of(**build(pieces), "é"), (Spans{{"<unk>", 0, 2}}));
}

TEST(Unigram, OfEqualTokensTheLaterCountsAndTheEarlierKeepsItsName) {
  const auto model = build({{"<unk>", 0}, {"a", -1}, {"a", -5}});
  std::vector<ModelToken> tokens;
  (*model)->tokenize("a", tokens);
  EXPECT_EQ(tokens.at(0).id, 2);
  EXPECT_EQ((*model)->vocabulary().token(1), "a");
  EXPECT_EQ((*model)->vocabulary().size(), 3U);
}

TEST(Unigram, ImpossibleVocabulariesAreRefused) {
  const auto error_of = [](const auto& built) { return built ? "accepted" : built.error().to_string(); };
  EXPECT_EQ(error_of(build({})), "model.vocab: the vocabulary is empty.");
  EXPECT_EQ(error_of(build({{"a", 0}}, {.unk_id = 1})), "model: unk_id 1: expected the id of one of the 1 tokens.");
  EXPECT_EQ(error_of(build({{"a", 0}}, {.unk_id = -1})), "model: unk_id -1: expected the id of one of the 1 tokens.");
  EXPECT_EQ(error_of(build({{"a", std::numeric_limits<double>::infinity()}})),
            "model: the score of token 0 is not a finite number.");
  EXPECT_EQ(error_of(build({{"a", 0}, {"b", std::nan("")}})), "model: the score of token 1 is not a finite number.");
}

TEST(TokenTrie, FindsWhatTheVocabularyHas) {
  std::mt19937 random(7);  // NOLINT: the same every time
  ScoredVocabulary vocabulary;
  std::vector<std::string> tokens;
  for (int i = 0; i < 3000; ++i) {
    std::string token;
    for (std::size_t size = 1 + random() % 6; size > 0; --size) {
      token += static_cast<char>(i % 2 == 0 ? 'a' + random() % 4 : random() % 128);
    }
    tokens.push_back(token);
    vocabulary.add(token, 0);
  }
  const auto built = Vocabulary::build(std::move(vocabulary.entries), RepeatedToken::kLaterFound, "v");
  const TokenTrie trie(*built);
  for (const auto& token : tokens) {
    const std::string text = token + "abc";
    std::vector<std::pair<std::int32_t, std::size_t>> expected;
    for (std::size_t size = 1; size <= text.size(); ++size) {
      if (const auto id = built->find(text.substr(0, size))) expected.emplace_back(*id, size);
    }
    std::vector<std::pair<std::int32_t, std::size_t>> found;
    trie.for_each_prefix(text, [&](std::int32_t id, std::size_t size) { found.emplace_back(id, size); });
    ASSERT_EQ(found, expected) << ::testing::PrintToString(text);
  }
}

}  // namespace
}  // namespace valence::tokenizer
