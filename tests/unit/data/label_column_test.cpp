#include "valence/data/label_column.h"

#include <gtest/gtest.h>

namespace valence::data {
namespace {

TEST(LabelMap, CaseAndSpaceMakeNoOtherLabel) {
  const LabelMap map;
  for (const char* const spelling : {"Bug Report", " bug  report ", "BUG\tREPORT"}) {
    EXPECT_EQ(map.apply(spelling), "bug report");
  }
  EXPECT_EQ(map.apply("ÄRGER"), "ärger");
  EXPECT_EQ(LabelMap(LabelCase::kKeep).apply(" Bug  Report"), "Bug Report");
}

TEST(LabelMap, SynonymsAreWrittenAsGiven) {
  LabelMap map;
  ASSERT_TRUE(map.add("NEG", "Negative"));
  EXPECT_EQ(map.apply(" neg "), "Negative");
  EXPECT_EQ(map.apply("pos"), "pos");
}

TEST(LabelMap, OneLabelCannotBecomeTwo) {
  LabelMap map;
  ASSERT_TRUE(map.add("neg", "negative"));
  EXPECT_TRUE(map.add("Neg", "negative"));
  EXPECT_FALSE(map.add("neg", "bad"));
  EXPECT_FALSE(map.add("", "bad"));
}

TEST(LabelMap, FilesAreJsonOrLines) {
  LabelMap from_json;
  ASSERT_TRUE(from_json.add_file(R"({"neg": "negative", "pos": "positive"})", "map.json"));
  EXPECT_EQ(from_json.apply("pos"), "positive");
  LabelMap from_lines;
  ASSERT_TRUE(from_lines.add_file("# spellings\nneg = negative\n\npos=positive", "map.txt"));
  EXPECT_EQ(from_lines.apply("neg"), "negative");
  const Status bad = from_lines.add_file("neg=negative\nnonsense\n", "map.txt");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().where(), "map.txt:2");
}

}  // namespace
}  // namespace valence::data
