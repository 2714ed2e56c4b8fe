#include "valence/cli/label_texts.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace valence::cli {
namespace {

using Names = std::vector<std::string>;

TEST(LabelTexts, NameAloneAndInTwoSentences) {
  const TrainingRows rows = label_texts(Names{"positive", "shipping_issue"});
  const Names texts{"positive",       "This is positive.",       "This sentence is positive.",
                    "shipping issue", "This is shipping issue.", "This sentence is shipping issue."};
  EXPECT_EQ(rows.texts, texts);
  const Names labels{"positive", "positive", "positive", "shipping_issue", "shipping_issue", "shipping_issue"};
  EXPECT_EQ(rows.labels, labels);
  ASSERT_EQ(rows.places.size(), 6U);
  EXPECT_EQ(rows.places[3], "label \"shipping_issue\"");
}

TEST(LabelTexts, WordsAreApart) {
  EXPECT_EQ(label_texts(Names{"follow-up"}).texts[0], "follow up");
  EXPECT_EQ(label_texts(Names{"lob/tadel"}).texts[0], "lob tadel");
}

TEST(LabelTexts, BareMarksSayNothing) {
  EXPECT_EQ(label_texts(Names{"0", "-1", "4.5", "LABEL_3", "A", "b_2", ""}).texts, Names{});
}

TEST(LabelTexts, OtherScriptsSaySomething) { EXPECT_EQ(label_texts(Names{"良い", "плохо", "größe"}).texts.size(), 9U); }

}  // namespace
}  // namespace valence::cli
