#include "valence/data/record.h"

#include <gtest/gtest.h>

namespace valence::data {
namespace {

TEST(Fields, CellsStandUnderTheirSharedHeader) {
  const auto header = std::make_shared<const std::vector<std::string>>(std::vector<std::string>{"id", "text"});
  Fields fields(header);
  fields.add_cell("");
  fields.add_cell("a,b");
  ASSERT_EQ(fields.size(), 2U);
  EXPECT_EQ(fields.kind(), FieldKind::kText);
  EXPECT_EQ(fields.name(0), "id");
  EXPECT_EQ(fields.value(0), "");
  EXPECT_EQ(fields.name(1), "text");
  EXPECT_EQ(fields.value(1), "a,b");
  EXPECT_EQ(fields.columns(), header);
}

TEST(Fields, MembersBringTheirNames) {
  Fields fields = Fields::of_json_members();
  fields.add_member("a", "1.0");
  fields.add_member("", "\"\"");
  ASSERT_EQ(fields.size(), 2U);
  EXPECT_EQ(fields.kind(), FieldKind::kJson);
  EXPECT_EQ(fields.name(0), "a");
  EXPECT_EQ(fields.value(0), "1.0");
  EXPECT_EQ(fields.name(1), "");
  EXPECT_EQ(fields.value(1), "\"\"");
  EXPECT_EQ(fields.columns(), nullptr);
}

TEST(Fields, NoneAreEmpty) {
  EXPECT_TRUE(Fields().empty());
  EXPECT_EQ(Fields().size(), 0U);
}

TEST(Record, TextFromTheCommandLineIsItsOnlyField) {
  const Record record = record_of_text(3, "good");
  EXPECT_EQ(record.row, 3U);
  EXPECT_EQ(record.text, "good");
  ASSERT_EQ(record.carried.size(), 1U);
  EXPECT_EQ(record.carried.name(0), "text");
  EXPECT_EQ(record.carried.value(0), "good");
}

}  // namespace
}  // namespace valence::data
