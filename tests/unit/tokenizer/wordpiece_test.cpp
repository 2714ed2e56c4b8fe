#include "valence/tokenizer/wordpiece.h"

#include <gtest/gtest.h>

namespace valence::tokenizer {
namespace {

Result<std::unique_ptr<const WordPiece>> build(const std::vector<std::string>& tokens,
                                               const WordPieceOptions& options) {
  VocabularyEntries entries;
  for (const auto& token : tokens) entries.add(token, static_cast<std::int64_t>(entries.entries.size()));
  auto vocabulary = Vocabulary::build(std::move(entries), RepeatedToken::kRefused, "vocab");
  if (!vocabulary) return fail(vocabulary.error());
  return WordPiece::build(std::move(*vocabulary), options, "model");
}

std::string split(const std::vector<std::string>& tokens, std::string_view word, const WordPieceOptions& options = {}) {
  const auto model = build(tokens, options);
  if (!model) return model.error().to_string();
  std::vector<ModelToken> parts;
  (*model)->tokenize(word, parts);
  std::string text;
  for (const auto& part : parts) {
    text += std::string((*model)->vocabulary().token(part.id).value()) + "@" + std::to_string(part.begin) + "-" +
            std::to_string(part.end) + " ";
  }
  return text;
}

TEST(WordPiece, LongestTokenFromTheLeftWins) {
  EXPECT_EQ(split({"[UNK]", "un", "una", "##aff", "##ff", "##able"}, "unaffable"), "una@0-3 ##ff@3-5 ##able@5-9 ");
}

TEST(WordPiece, WholeWordIsOneToken) { EXPECT_EQ(split({"[UNK]", "a", "ab"}, "ab"), "ab@0-2 "); }

TEST(WordPiece, WordWithoutMatchBecomesOneUnknownToken) {
  EXPECT_EQ(split({"[UNK]", "a", "##b"}, "abc"), "[UNK]@0-3 ");
}

TEST(WordPiece, WordLongerThanLimitBecomesOneUnknownToken) {
  EXPECT_EQ(split({"[UNK]", "é", "##é"}, "ééé", {.max_input_chars_per_word = 3}), "é@0-2 ##é@2-4 ##é@4-6 ");
  EXPECT_EQ(split({"[UNK]", "é", "##é"}, "éééé", {.max_input_chars_per_word = 3}), "[UNK]@0-8 ");
}

TEST(WordPiece, CutsOnlyBetweenCharacters) {
  EXPECT_EQ(split({"[UNK]", "中", "##文"}, "中文"), "中@0-3 ##文@3-6 ");
  EXPECT_EQ(split({"[UNK]", "中"}, "中文"), "[UNK]@0-6 ");
}

TEST(WordPiece, PrefixedTokenCanBeginAWordThatSpellsIt) {
  EXPECT_EQ(split({"[UNK]", "##a", "##", "##b"}, "##ab"), "##a@0-3 ##b@3-4 ");
}

TEST(WordPiece, PrefixMayBeAnotherOrEmpty) {
  EXPECT_EQ(split({"[UNK]", "a", "+b"}, "ab", {.continuing_subword_prefix = "+"}), "a@0-1 +b@1-2 ");
  EXPECT_EQ(split({"[UNK]", "a", "b"}, "ab", {.continuing_subword_prefix = ""}), "a@0-1 b@1-2 ");
}

TEST(WordPiece, MissingUnknownTokenIsRefused) {
  EXPECT_NE(split({"a"}, "a").find("the unknown token \"[UNK]\" is not in the vocabulary"), std::string::npos);
}

TEST(WordPiece, SettingsThatWouldCostQuadraticTimeAreRefused) {
  EXPECT_NE(split({"[UNK]"}, "a", {.max_input_chars_per_word = 1'000'000'000}).find("max_input_chars_per_word"),
            std::string::npos);
  EXPECT_NE(split({"[UNK]"}, "a", {.max_input_chars_per_word = -1}).find("max_input_chars_per_word"),
            std::string::npos);
  EXPECT_NE(split({"[UNK]", std::string(5000, 'a')}, "a", {.max_input_chars_per_word = 1'000'000}).find("quadratic"),
            std::string::npos);
  EXPECT_EQ(split({"[UNK]", "a", std::string(5000, 'a')}, "a"), "a@0-1 ") << "words of 100 characters cannot match it";
}

}  // namespace
}  // namespace valence::tokenizer
