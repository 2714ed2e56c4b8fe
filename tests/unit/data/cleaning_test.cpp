#include "valence/data/cleaning.h"

#include <gtest/gtest.h>

#include "valence/data/cleaning_ledger.h"

namespace valence::data {
namespace {

using Columns = std::vector<std::string>;
const Columns kColumns = {"id", "text", "label"};

CleaningOptions options() {
  CleaningOptions options{.columns = kColumns, .text_column = "text"};
  options.label_column = "label";
  options.id_column = "id";
  options.required = {"text", "label"};
  options.duplicate_columns = {"text"};
  return options;
}

Row csv_row(std::uint64_t number, const Columns& cells) {
  Fields fields(std::make_shared<const Columns>(kColumns));
  for (const auto& cell : cells) fields.add_cell(cell);
  return Record{.row = number, .line = number + 1, .input = "in.csv", .text = cells[1], .carried = std::move(fields)};
}

Row json_row(std::string text, const std::vector<std::pair<std::string, std::string>>& members) {
  Fields fields = Fields::of_json_members();
  for (const auto& [name, value] : members) fields.add_member(name, value);
  return Record{.row = 1, .line = 1, .input = "in.jsonl", .text = std::move(text), .carried = std::move(fields)};
}

TEST(Cleaner, RepairsTextAndSpellsLabelsAlike) {
  const Cleaner cleaner(options());
  const CleanRow row = cleaner.clean(csv_row(1, {"7", " fish &amp; chips ", "POSITIVE "}));
  EXPECT_FALSE(row.dropped);
  EXPECT_EQ(row.fields.value(0), "7");
  EXPECT_EQ(row.fields.value(1), "fish & chips");
  EXPECT_EQ(row.fields.value(2), "positive");
  EXPECT_EQ(row.label_before, "POSITIVE ");
  EXPECT_TRUE(row.is_changed());
}

TEST(Cleaner, KeepsColumnsInTheOrderAskedFor) {
  CleaningOptions wanted = options();
  wanted.keep = {"label", "text"};
  const CleanRow row = Cleaner(wanted).clean(csv_row(1, {"7", "good", "a"}));
  EXPECT_EQ(row.fields.size(), 2U);
  EXPECT_EQ(row.fields.value(0), "a");
  EXPECT_EQ(row.fields.value(1), "good");
}

TEST(Cleaner, FirstReasonThatAppliesDrops) {
  const Cleaner cleaner(options());
  EXPECT_EQ(cleaner.clean(csv_row(1, {"1", "N/A", ""})).dropped, DropReason::kMissingText);
  EXPECT_EQ(cleaner.clean(csv_row(1, {"1", "good", "nan"})).dropped, DropReason::kMissingLabel);
  EXPECT_EQ(cleaner.clean(csv_row(1, {"1", "<br/>\u200B", "a"})).dropped, DropReason::kMissingText)
      << "nothing is left after repair";
  EXPECT_EQ(cleaner.clean(csv_row(1, {"1", "-", "a"})).missing, (std::vector<std::uint32_t>{1}));
}

TEST(Cleaner, OtherColumnsCanBeRequired) {
  CleaningOptions wanted = options();
  wanted.required = {"id"};
  const CleanRow row = Cleaner(wanted).clean(csv_row(1, {"NULL", "", ""}));
  EXPECT_EQ(row.dropped, DropReason::kMissingValue);
  EXPECT_EQ(row.detail, "no id");
}

TEST(Cleaner, JsonMembersKeepTheirBytesAndEscapes) {
  const CleanRow row = Cleaner(options()).clean(
      json_row("a  \"b\"", {{"id", "1.0"}, {"text", R"("a  \"b\"")"}, {"label", "\"x\""}, {"more", "{\"a\":  1}"}}));
  EXPECT_EQ(row.fields.value(0), "1.0");
  EXPECT_EQ(row.fields.value(1), R"("a \"b\"")");
  EXPECT_EQ(row.fields.value(3), "{\"a\":  1}");
  EXPECT_TRUE(row.missing.empty());
}

TEST(Cleaner, AbsentAndNullJsonMembersAreMissing) {
  const CleanRow row = Cleaner(options()).clean(json_row("good", {{"text", "\"good\""}, {"label", "null"}}));
  EXPECT_EQ(row.missing, (std::vector<std::uint32_t>{0, 2}));
  EXPECT_EQ(row.dropped, DropReason::kMissingLabel);
}

TEST(Cleaner, RowsThatCannotBeReadAreExaminedAllTheSame) {
  Fields two(std::make_shared<const Columns>(kColumns));
  two.add_cell("7");
  two.add_cell("good 😀");
  const Row row = tl::unexpected(RowError{.row = 3,
                                          .line = 4,
                                          .error = Error(ErrorCode::kInvalidData, "in.csv:4", "expected 3 cells"),
                                          .carried = std::move(two),
                                          .problem = RowProblem::kTooFewCells});
  Row copy = row;
  const CleanRow clean = Cleaner(options()).clean(std::move(copy));
  EXPECT_EQ(clean.dropped, DropReason::kTooFewCells);
  EXPECT_TRUE(clean.traits.has(TextTrait::kEmoji));
}

class Ledger : public ::testing::Test {
 protected:
  CleanRow admit(std::uint64_t number, const Columns& cells) {
    CleanRow row = cleaner_.clean(csv_row(number, cells));
    ledger_.admit(row);
    return row;
  }
  static CleaningOptions with_sketch() {
    CleaningOptions wanted = options();
    wanted.with_sketch = true;
    return wanted;
  }

  Cleaner cleaner_{with_sketch()};
  CleaningLedger ledger_{cleaner_.options(), {.enabled = true}};
};

TEST_F(Ledger, RepeatsAreToldApart) {
  admit(1, {"1", "good", "a"});
  admit(2, {"1", "good", "a"});
  admit(3, {"2", "good", "a"});
  EXPECT_EQ(ledger_.summary().exact_repeats, 1U);
  EXPECT_EQ(ledger_.summary().repeats_under_new_id, 1U);
  EXPECT_EQ(ledger_.summary().written, 1U);
}

TEST_F(Ledger, DuplicateAfterRepairNamesTheFirst) {
  EXPECT_FALSE(admit(1, {"1", "good &amp; cheap", "a"}).dropped);
  const CleanRow second = admit(2, {"2", " good & cheap", "a"});
  EXPECT_EQ(second.dropped, DropReason::kDuplicate);
  EXPECT_EQ(second.detail, "of line 2");
}

TEST_F(Ledger, NearDuplicatesGoWhereLabelsAgree) {
  admit(1, {"1", "the food was really good here", "a"});
  EXPECT_EQ(admit(2, {"2", "The food was really GOOD here!", "a"}).dropped, DropReason::kNearDuplicate);
  EXPECT_EQ(admit(3, {"3", "the food was really bad here", "a"}).dropped, DropReason::kNearDuplicate);
  EXPECT_FALSE(admit(4, {"4", "the food was really cold here", "b"}).dropped);
  EXPECT_EQ(ledger_.summary().conflicting_near_duplicates, 1U);
}

TEST_F(Ledger, SummaryAddsUp) {
  admit(1, {"1", "good", "A"});
  admit(2, {"2", "", "a"});
  admit(3, {"3", "bad", "a"});
  const CleaningSummary& summary = ledger_.summary();
  EXPECT_EQ(summary.rows, 3U);
  EXPECT_EQ(summary.rows_dropped(), 1U);
  EXPECT_EQ(summary.relabelled, 1U);
  EXPECT_EQ(summary.labels.at("a"), 2U);
  EXPECT_EQ(summary.missing, (std::vector<std::uint64_t>{0, 1, 0}));
}

}  // namespace
}  // namespace valence::data
