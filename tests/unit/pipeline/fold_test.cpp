#include "valence/pipeline/fold.h"

#include <gtest/gtest.h>

#include <array>

namespace valence::pipeline {
namespace {

const std::array<std::string_view, 4> kTexts{"b", "a", "b", "b "};

TEST(Fold, EqualTextsShareOneEntryInOrderOfFirstAppearance) {
  const FoldedTexts folded = fold_equal_texts(kTexts, true);
  EXPECT_EQ(folded.distinct, (std::vector<std::string_view>{"b", "a", "b "}));
  EXPECT_EQ(folded.distinct_of, (std::vector<std::uint32_t>{0, 1, 0, 2}));
}

TEST(Fold, SwitchedOffEveryTextStandsForItself) {
  const FoldedTexts folded = fold_equal_texts(kTexts, false);
  EXPECT_EQ(folded.distinct.size(), 4U);
  EXPECT_EQ(folded.distinct_of, (std::vector<std::uint32_t>{0, 1, 2, 3}));
}

}  // namespace
}  // namespace valence::pipeline
