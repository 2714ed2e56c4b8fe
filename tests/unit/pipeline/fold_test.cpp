#include "valence/pipeline/fold.h"

#include <gtest/gtest.h>

#include <array>

namespace valence::pipeline {
namespace {

const std::array<TextInput, 4> kTexts{{{"b"}, {"a"}, {"b"}, {"b "}}};

std::vector<std::string_view> texts_of(const FoldedTexts& folded) {
  std::vector<std::string_view> texts;
  for (const TextInput& input : folded.distinct) texts.push_back(input.text);
  return texts;
}

TEST(Fold, EqualTextsShareOneEntryInOrderOfFirstAppearance) {
  const FoldedTexts folded = fold_equal_texts(kTexts, true);
  EXPECT_EQ(texts_of(folded), (std::vector<std::string_view>{"b", "a", "b "}));
  EXPECT_EQ(folded.distinct_of, (std::vector<std::uint32_t>{0, 1, 0, 2}));
}

TEST(Fold, SwitchedOffEveryTextStandsForItself) {
  const FoldedTexts folded = fold_equal_texts(kTexts, false);
  EXPECT_EQ(folded.distinct.size(), 4U);
  EXPECT_EQ(folded.distinct_of, (std::vector<std::uint32_t>{0, 1, 2, 3}));
}

TEST(Fold, PairsAreEqualOnlyInBothTexts) {
  const std::array<TextInput, 5> pairs{{{"a", "b"}, {"a"}, {"a", "b"}, {"a", ""}, {"b", "a"}}};
  EXPECT_EQ(fold_equal_texts(pairs, true).distinct_of, (std::vector<std::uint32_t>{0, 1, 0, 2, 3}));
}

}  // namespace
}  // namespace valence::pipeline
