#include "valence/data/near_duplicates.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "valence/base/random.h"
#include "valence/data/words.h"

namespace valence::data {
namespace {

using Words = std::vector<std::uint32_t>;

Words words_of(std::string_view text) { return sketch_of(text).words; }

TEST(TextSketch, CasePunctuationAndSpaceDoNotCount) {
  EXPECT_EQ(words_of("Don't  STOP, now!!"), words_of("dont stop now"));
  EXPECT_EQ(words_of("don’t"), words_of("don't"));
  EXPECT_NE(words_of("stop now"), words_of("now stop"));
  EXPECT_TRUE(words_of("?! ...").empty());
  EXPECT_EQ(words_of("see http://t.co/x-1 and/or").size(), 3U);
}

TEST(TextSketch, LettersRunTogether) {
  EXPECT_EQ(sketch_of("well,done").letters, sketch_of("Well done!").letters);
  EXPECT_NE(sketch_of("well done").letters, sketch_of("well gone").letters);
  EXPECT_EQ(sketch_of("...").letters, 0U);
}

TEST(TextSketch, EmojiAndHanCharactersAreWordsEach) {
  EXPECT_EQ(words_of("good😀😡").size(), 3U);
  EXPECT_NE(words_of("good 😀"), words_of("good 😡"));
  EXPECT_EQ(words_of("很好吃").size(), 3U);
  EXPECT_EQ(words_of("❤️"), words_of("❤"));
}

TEST(WordEdits, SmallCases) {
  const Words a{1, 2, 3, 4};
  EXPECT_EQ(word_edits(a, a, 0), 0U);
  EXPECT_EQ(word_edits(a, Words{1, 9, 3, 4}, 1), 1U);
  EXPECT_EQ(word_edits(a, Words{1, 3, 4}, 1), 1U);
  EXPECT_EQ(word_edits(a, Words{0, 1, 2, 3, 4}, 1), 1U);
  EXPECT_EQ(word_edits(a, Words{2, 1, 3, 4}, 1), std::nullopt);
  EXPECT_EQ(word_edits(a, Words{2, 1, 3, 4}, 2), 2U);
  EXPECT_EQ(word_edits(a, Words{}, 3), std::nullopt);
}

std::size_t plain_edits(const Words& a, const Words& b) {
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0]++;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t here = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0 : 1)});
      diagonal = std::exchange(row[j], here);
    }
  }
  return row[b.size()];
}

TEST(WordEdits, AgreeWithTheWholeTable) {
  Random random(5);
  for (int round = 0; round < 3000; ++round) {
    Words a(random.below(12));
    Words b(random.below(12));
    for (auto& word : a) word = static_cast<std::uint32_t>(random.below(3));
    for (auto& word : b) word = static_cast<std::uint32_t>(random.below(3));
    const std::size_t limit = random.below(8);
    const std::size_t edits = plain_edits(a, b);
    EXPECT_EQ(word_edits(a, b, limit), edits <= limit ? std::optional(edits) : std::nullopt);
  }
}

TEST(AllowedEdits, OneFromFiveWordsThenATenthUpToEight) {
  const NearDuplicateOptions options;
  EXPECT_EQ(allowed_edits(4, options), 0U);
  EXPECT_EQ(allowed_edits(5, options), 1U);
  EXPECT_EQ(allowed_edits(19, options), 1U);
  EXPECT_EQ(allowed_edits(20, options), 2U);
  EXPECT_EQ(allowed_edits(30, options), 3U);
  EXPECT_EQ(allowed_edits(1000, options), 8U);
}

TEST(NearDuplicateIndex, FindsExactlyWhatComparingAllWithAllFinds) {
  const NearDuplicateOptions options{.similarity = 0.75};
  NearDuplicateIndex index(options);
  Random random(11);
  std::vector<Words> texts;
  for (int round = 0; round < 600; ++round) {
    Words words;
    if (!texts.empty() && random.below(2) == 0) {
      words = texts[random.below(texts.size())];
      for (std::uint64_t edits = random.below(5); edits > 0 && !words.empty(); --edits) {
        const auto at = words.begin() + static_cast<std::ptrdiff_t>(random.below(words.size()));
        const auto kind = random.below(3);
        if (kind == 0) *at = static_cast<std::uint32_t>(random.below(50));
        if (kind == 1) words.erase(at);
        if (kind == 2) words.insert(at, static_cast<std::uint32_t>(random.below(50)));
      }
    } else {
      words.resize(1 + random.below(40));
      for (auto& word : words) word = static_cast<std::uint32_t>(random.below(50));
    }
    Words found;
    index.find_all({.words = words}, found);
    std::sort(found.begin(), found.end());
    Words expected;
    for (std::uint32_t other = 0; other < texts.size(); ++other) {
      const std::size_t longer = std::max(words.size(), texts[other].size());
      const bool is_near =
          !words.empty() && !texts[other].empty() && plain_edits(words, texts[other]) <= allowed_edits(longer, options);
      if (is_near) expected.push_back(other);
    }
    EXPECT_EQ(found, expected) << "text " << round;
    index.add({.words = words});
    texts.push_back(words);
  }
}

TEST(NearDuplicateIndex, TextsThatRunTogetherAlikeAreFound) {
  NearDuplicateIndex index{NearDuplicateOptions{}};
  index.add(sketch_of("well,done"));
  EXPECT_EQ(index.find(sketch_of("Well done!")), 0U);
  EXPECT_EQ(index.find(sketch_of("well gone")), std::nullopt);
}

TEST(NearDuplicateGroups, ChainsJoin) {
  const std::vector<TextSketch> texts = {sketch_of("one two three four five"),    sketch_of("nothing like that at all"),
                                         sketch_of("one two three four six"),     sketch_of("one two three seven six"),
                                         sketch_of("One, two: three four five!"), sketch_of("one-two three-four five")};
  EXPECT_EQ(near_duplicate_groups(texts, {}), (Words{0, 1, 0, 0, 0, 0}));
}

TEST(NearDuplicateGroups, TextsWithoutWordsStayAlone) {
  const std::vector<TextSketch> texts(3);
  EXPECT_EQ(near_duplicate_groups(texts, {}), (Words{0, 1, 2}));
}

}  // namespace
}  // namespace valence::data
