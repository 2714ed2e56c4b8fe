#include "valence/data/text_column.h"

#include <gtest/gtest.h>

#include <vector>

namespace valence::data {
namespace {

using Columns = std::vector<std::string>;

TEST(TextColumn, FirstUsualNameInTheListsOrderWins) {
  EXPECT_EQ(find_usual_text_column(Columns{"body", "text", "id"}), 1U);
  EXPECT_EQ(find_usual_text_column(Columns{"body", "review"}), 1U);
}

TEST(TextColumn, ExactSpellingWinsOverAnotherCase) {
  EXPECT_EQ(find_usual_text_column(Columns{"TEXT", "comment"}), 1U);
  EXPECT_EQ(find_usual_text_column(Columns{"id", "Review"}), 1U);
}

TEST(TextColumn, NoUsualNameIsNothing) {
  EXPECT_EQ(find_usual_text_column(Columns{"id", "context"}), std::nullopt);
  EXPECT_EQ(find_usual_text_column(Columns{}), std::nullopt);
}

TEST(TextColumn, ErrorNamesTheColumnsAndTheRemedy) {
  EXPECT_EQ(no_text_column(Columns{"id", "note"}, std::nullopt, "column", "a.csv:1").to_string(),
            "a.csv:1: no column has a usual name for texts; the columns are: id, note. Hint: say which with "
            "--text-column.");
  EXPECT_EQ(no_text_column(Columns{"id", "note"}, "txt", "column", "a.csv:1").to_string(),
            "a.csv:1: no column \"txt\"; the columns are: id, note.");
  EXPECT_EQ(no_text_column(Columns{}, "txt", "field", "a.jsonl:1").what(), "no field \"txt\"; there are no fields");
}

TEST(TextColumn, ErrorListsTwentyNamesAndCountsTheRest) {
  const Columns many(25, "x");
  EXPECT_NE(no_text_column(many, std::nullopt, "column", "").what().find("x, x and 5 more"), std::string::npos);
}

TEST(TextColumn, NamesInAnErrorCannotDriveTheTerminal) {
  EXPECT_EQ(no_text_column(Columns{"\x1B[2J"}, "t", "column", "").what(), "no column \"t\"; the columns are: ␛[2J");
}

}  // namespace
}  // namespace valence::data
