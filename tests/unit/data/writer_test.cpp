#include "valence/data/writer.h"

#include <gtest/gtest.h>

namespace valence::data {
namespace {

using Names = std::vector<std::string_view>;
using Columns = std::vector<std::string>;

TEST(OutputName, InputFieldNamedLikeAResultIsRenamed) {
  const Names names = {"id", "label", "score"};
  EXPECT_EQ(output_name("id", names), "id");
  EXPECT_EQ(output_name("label", names), "input.label");
  EXPECT_EQ(output_name("Label", names), "Label");
  for (const auto* name : {"scores", "truncated", "error", "emotion", "aspects"}) {
    EXPECT_EQ(output_name(name, names), std::string("input.") + name);
  }
}

TEST(OutputName, NameThatIsTakenGetsAnotherPrefix) {
  // The output of an earlier run as input.
  const Names names = {"input.label", "text", "label"};
  EXPECT_EQ(output_name("label", names), "input.input.label");
  EXPECT_EQ(output_name("input.label", names), "input.label");
}

TEST(SameColumns, EqualOnesPass) { EXPECT_TRUE(check_same_columns(Columns{"a", "b"}, Columns{"a", "b"}, "2.csv")); }

TEST(SameColumns, DifferenceIsNamedWithTheRemedy) {
  EXPECT_EQ(check_same_columns(Columns{"a", "b"}, Columns{"a"}, "2.csv").error().to_string(),
            "2.csv: has 1 columns, the first file has 2. Hint: use -f jsonl, where each row has its own fields.");
  EXPECT_EQ(check_same_columns(Columns{"a", "b"}, Columns{"a", "c"}, "2.csv").error().what(),
            "column 2 is \"c\", in the first file it is \"b\"");
}

}  // namespace
}  // namespace valence::data
