#include "valence/tokenizer/vocabulary.h"

#include <gtest/gtest.h>

#include <utility>

namespace valence::tokenizer {
namespace {

using Tokens = std::vector<std::pair<std::string, std::int64_t>>;

Result<Vocabulary> build(const Tokens& tokens, RepeatedToken repeated = RepeatedToken::kRefused) {
  VocabularyEntries entries;
  for (const auto& [token, id] : tokens) entries.add(token, id);
  return Vocabulary::build(std::move(entries), repeated, "tokenizer.json: model.vocab");
}

std::string error_of(const Tokens& tokens) {
  const auto vocabulary = build(tokens);
  return vocabulary ? "accepted" : vocabulary.error().to_string();
}

TEST(Vocabulary, MapsBothWays) {
  const auto vocabulary = build({{"b", 7}, {"a", 0}});
  ASSERT_TRUE(vocabulary.has_value());
  EXPECT_EQ(vocabulary->find("b"), 7);
  EXPECT_EQ(vocabulary->token(7), "b");
  EXPECT_EQ(vocabulary->find("c"), std::nullopt);
  EXPECT_EQ(vocabulary->token(1), std::nullopt);
  EXPECT_EQ(vocabulary->highest_id(), 7);
  EXPECT_EQ(vocabulary->size(), 2U);
}

TEST(Vocabulary, HugeIdCostsNoMemory) {
  const auto vocabulary = build({{"a", 0}, {"b", 2'000'000'000}});
  ASSERT_TRUE(vocabulary.has_value());
  EXPECT_EQ(vocabulary->token(2'000'000'000), "b");
}

TEST(Vocabulary, IdsOutsideThirtyOneBitsAreRefused) {
  EXPECT_NE(error_of({{"a", -1}}).find("token \"a\" has id -1"), std::string::npos);
  EXPECT_NE(error_of({{"a", 1LL << 31}}).find("2147483648"), std::string::npos);
}

TEST(Vocabulary, TwoTokensWithOneIdAreRefused) {
  EXPECT_NE(error_of({{"a", 3}, {"b", 3}}).find("the same id 3"), std::string::npos);
}

TEST(Vocabulary, EmptyVocabularyIsRefused) {
  EXPECT_NE(error_of({}).find("the vocabulary is empty"), std::string::npos);
}

TEST(Vocabulary, RepeatedTokenIsRefusedOrTheLaterIdWins) {
  EXPECT_NE(error_of({{"a", 0}, {"a", 1}}).find("token \"a\" has two ids, 0 and 1"), std::string::npos);
  const auto vocabulary = build({{"a", 0}, {"b", 1}, {"a", 2}}, RepeatedToken::kLaterWins);
  ASSERT_TRUE(vocabulary.has_value());
  EXPECT_EQ(vocabulary->find("a"), 2);
  EXPECT_EQ(vocabulary->token(0), std::nullopt);
  EXPECT_EQ(vocabulary->size(), 2U);
}

TEST(Vocabulary, StaysWholeWhenMoved) {
  auto vocabulary = build({{"a", 0}});
  ASSERT_TRUE(vocabulary.has_value());
  const Vocabulary moved = std::move(*vocabulary);
  EXPECT_EQ(moved.find("a"), 0);
}

}  // namespace
}  // namespace valence::tokenizer
