#include "valence/data/lexicon.h"

#include <gtest/gtest.h>

#include <cmath>

namespace valence::data {
namespace {

/// 30 texts of each label; "the" in all, "good" and "bad" in those of one.
Lexicon learnt(LexiconOptions options = {}) {
  Lexicon lexicon(options);
  for (int i = 0; i < 30; ++i) {
    lexicon.add("the good", "positive");
    lexicon.add("the bad", "negative");
  }
  lexicon.build();
  return lexicon;
}

TEST(Lexicon, TellingWordsCountAndCommonOnesDoNot) {
  const Lexicon lexicon = learnt();
  EXPECT_EQ(lexicon.size(), 2U);
  ASSERT_EQ(lexicon.labels(), (std::vector<std::string>{"positive", "negative"}));
  EXPECT_EQ(lexicon.strongest(0, 5).size(), 1U);
  EXPECT_EQ(lexicon.strongest(0, 5).front().word, "good");
}

TEST(Lexicon, LogOddsAreThoseOfThePaper) {
  // By hand, prior of 4 words: alpha = 4 * 30 / 120 = 1; 30 of 60 words here, 0 of 60 there.
  const Lexicon lexicon = learnt({.prior_words = 4, .min_z = 0});
  const double log_odds = std::log(31.0 / (60 + 4 - 31)) - std::log(1.0 / (60 + 4 - 1));
  const auto entry = lexicon.strongest(0, 1).front();
  EXPECT_NEAR(entry.log_odds, log_odds, 1e-6);
  EXPECT_NEAR(entry.z, log_odds / std::sqrt(1.0 / 31 + 1.0), 1e-6);
}

TEST(Lexicon, JudgesByWhatItKnows) {
  const Lexicon lexicon = learnt();
  const auto verdict = lexicon.judge("Such a BAD, bad day");
  ASSERT_TRUE(verdict);
  EXPECT_EQ(lexicon.labels()[verdict->label], "negative");
  EXPECT_FALSE(lexicon.judge("the table"));
  EXPECT_FALSE(lexicon.judge("good and bad")) << "as much for one as for the other";
}

}  // namespace
}  // namespace valence::data
