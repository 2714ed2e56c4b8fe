#include "valence/data/missing_value.h"

#include <gtest/gtest.h>

namespace valence::data {
namespace {

TEST(MissingValues, WordsThatExportsWriteForNothing) {
  const MissingValues missing;
  for (const char* const word : {"", "   ", "\t", "-", "NULL", "null", "N/A", "n/a", "nan", "NaN", "None", " NA "}) {
    EXPECT_TRUE(missing.contains(word)) << '"' << word << '"';
  }
  for (const char* const word : {"0", "no", "nada", "--", "N/A.", "nil desperandum"}) {
    EXPECT_FALSE(missing.contains(word)) << word;
  }
}

TEST(MissingValues, FurtherWords) {
  const MissingValues missing({"(blank)"});
  EXPECT_TRUE(missing.contains("(Blank)"));
  EXPECT_FALSE(MissingValues().contains("(blank)"));
}

}  // namespace
}  // namespace valence::data
