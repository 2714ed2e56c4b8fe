#include "valence/tokenizer/token_table.h"

#include <gtest/gtest.h>

#include <string>

namespace valence::tokenizer {
namespace {

TEST(TokenTable, FindsWhatWasInsertedAndNothingElse) {
  const std::string arena = "abcd";
  TokenTable table(arena.data(), 2);
  EXPECT_TRUE(table.insert(0, 2, 5).stored);
  EXPECT_TRUE(table.insert(2, 2, 6).stored);
  EXPECT_EQ(table.find("ab"), 5);
  EXPECT_EQ(table.find("cd"), 6);
  EXPECT_EQ(table.find("bc"), TokenTable::kAbsent);
  EXPECT_EQ(table.find(""), TokenTable::kAbsent);
}

TEST(TokenTable, SecondInsertTellsThePreviousIdAndReplacesIt) {
  const std::string arena = "aa";
  TokenTable table(arena.data(), 2);
  EXPECT_EQ(table.insert(0, 1, 1).previous_id, TokenTable::kAbsent);
  EXPECT_EQ(table.insert(1, 1, 2).previous_id, 1);
  EXPECT_EQ(table.find("a"), 2);
}

TEST(TokenTable, TellsApartTokensOfEveryLength) {
  constexpr std::uint32_t kLongest = 70;
  const std::string arena(kLongest, 'x');
  TokenTable table(arena.data(), kLongest);
  for (std::uint32_t size = 0; size < kLongest; ++size) table.insert(0, size, static_cast<std::int32_t>(size));
  for (std::uint32_t size = 0; size < kLongest; ++size) {
    EXPECT_EQ(table.find(std::string(size, 'x')), static_cast<std::int32_t>(size));
  }
}

TEST(TokenTable, EveryByteOfATokenCounts) {
  for (std::size_t size = 1; size <= 40; ++size) {
    const std::string token(size, 'a');
    TokenTable table(token.data(), 1);
    table.insert(0, static_cast<std::uint32_t>(size), 0);
    for (std::size_t i = 0; i < size; ++i) {
      std::string other = token;
      other[i] = 'b';
      EXPECT_EQ(table.find(other), TokenTable::kAbsent) << size << " " << i;
    }
  }
}

}  // namespace
}  // namespace valence::tokenizer
