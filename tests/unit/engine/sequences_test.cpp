#include "valence/engine/sequences.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <limits>

#include "support/temporary_directory.h"

namespace valence {
namespace {

TEST(Windows, TextThatFitsIsOneWindow) {
  const auto windows = plan_windows(10, 10);
  ASSERT_EQ(windows.size(), 1U);
  EXPECT_EQ(windows[0].begin, 0U);
  EXPECT_EQ(windows[0].end, 10U);
}

TEST(Windows, LongTextIsCoveredWithAQuarterOfOverlapAndAFullLastWindow) {
  const auto windows = plan_windows(20, 8);  // steps of 6
  ASSERT_EQ(windows.size(), 3U);
  EXPECT_EQ(windows[1].begin, 6U);
  EXPECT_EQ(windows[1].end, 14U);
  EXPECT_EQ(windows[2].begin, 12U);
  EXPECT_EQ(windows[2].end, 20U);
}

TEST(Windows, EveryTokenIsCoveredForAnySizes) {
  for (std::size_t tokens = 1; tokens < 60; ++tokens) {
    for (std::size_t capacity = 1; capacity < 20; ++capacity) {
      std::size_t covered = 0;
      for (const auto& window : plan_windows(tokens, capacity)) {
        EXPECT_LE(window.begin, covered);
        EXPECT_LE(window.end - window.begin, capacity);
        covered = std::max(covered, window.end);
      }
      EXPECT_EQ(covered, tokens);
    }
  }
}

TEST(MakeSequences, PaddingAtTheEndIsNotTheLastTokenOfAHeadThatReadsIt) {
  const testing::TemporaryDirectory folder;
  std::ofstream(folder.path() / "vocab.txt") << "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\n";
  const auto tokenizer = Tokenizer::load(folder.path());
  ASSERT_TRUE(tokenizer.has_value()) << tokenizer.error().to_string();
  const auto ids = [&](std::string_view text, std::int32_t padding) {
    return make_sequences(*tokenizer, text, {.max_length = 16, .trailing_padding = padding})->sequences.front();
  };
  constexpr std::int32_t kSep = 3;  // as if the separator were the padding
  EXPECT_EQ(ids("good", -1), (std::vector<std::int32_t>{2, 5, 3}));
  EXPECT_EQ(ids("good", kSep), (std::vector<std::int32_t>{2, 5}));
}

TEST(MergeLogits, WindowsWeighByTheirTokens) {
  const TextSequences text{.sequences = {{1, 2, 3}, {4}}};
  const std::array<float, 4> logits{1.0F, 0.0F, 5.0F, 4.0F};
  EXPECT_EQ(merge_logits(logits, text, 2).value(), (std::vector<float>{2.0F, 1.0F}));
}

TEST(MergeLogits, SingleSequenceIsUntouched) {
  const std::array<float, 2> logits{0.1F, 0.2F};
  EXPECT_EQ(merge_logits(logits, {.sequences = {{1, 2, 3}}}, 2).value(), (std::vector<float>{0.1F, 0.2F}));
}

TEST(MergeLogits, LogitsThatAreNoNumbersAreAnErrorNotALabel) {
  const std::array<float, 2> logits{0.1F, std::numeric_limits<float>::quiet_NaN()};
  EXPECT_FALSE(merge_logits(logits, {.sequences = {{1}}}, 2).has_value());
}

}  // namespace
}  // namespace valence
