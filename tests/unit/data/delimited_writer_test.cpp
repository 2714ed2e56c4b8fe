#include "valence/data/delimited_writer.h"

#include <gtest/gtest.h>

#include "unit/data/captured_sink.h"
#include "unit/data/chunked_source.h"

namespace valence::data {
namespace {

using testing::CapturedSink;
using testing::read_all;

constexpr LabelScore kGood{.label = "positive", .score = 0.75F};

std::string cell(std::string_view value, char delimiter = ',') {
  std::string out;
  append_cell(out, value, delimiter);
  return out;
}

std::unique_ptr<Writer> csv_writer(CapturedSink& captured, OutputSchema schema, const WriterOptions& options = {}) {
  return std::move(*make_writer(OutputFormat::kCsv, std::move(schema), captured.sink(), options));
}

TEST(Cell, IsQuotedOnlyWhereNeeded) {
  EXPECT_EQ(cell("plain text; 'so' \t"), "plain text; 'so' \t");
  EXPECT_EQ(cell(""), "");
  EXPECT_EQ(cell("a,b"), "\"a,b\"");
  EXPECT_EQ(cell("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(cell("a\nb"), "\"a\nb\"");
  EXPECT_EQ(cell("a\rb"), "\"a\rb\"");
  EXPECT_EQ(cell("a,b\tc", '\t'), "\"a,b\tc\"");
  EXPECT_EQ(cell("a,b", '\t'), "a,b");
}

TEST(CsvWriter, ColumnsAreTheInputsThenTheResults) {
  CapturedSink captured;
  const auto input = read_all("id,text\n1,\"a,b\"\n", "r.csv");
  const auto writer = csv_writer(captured, {.input_columns = input.columns});
  ASSERT_TRUE(writer->write({.carried = &input.rows[0]->carried, .text = "a,b", .best = kGood}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(), "id,text,label,score,truncated,error\n1,\"a,b\",positive,0.75,false,\n");
}

TEST(CsvWriter, ScoresStandAsJsonInOneCell) {
  CapturedSink captured;
  const auto writer = csv_writer(captured, {.input_columns = {"text"}, .has_scores = true});
  const std::vector<LabelScore> scores = {kGood, {.label = "negative", .score = 0.25F}};
  const Fields carried = Fields::of_text("a");
  ASSERT_TRUE(writer->write({.carried = &carried, .best = kGood, .scores = scores, .truncated = true}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(),
            "text,label,score,scores,truncated,error\n"
            "a,positive,0.75,\"[{\"\"label\"\": \"\"positive\"\", \"\"score\"\": 0.75}, {\"\"label\"\": "
            "\"\"negative\"\", \"\"score\"\": 0.25}]\",true,\n");
}

TEST(CsvWriter, ScoreIsTheShortestThatReadsBackAsTheSameFloat) {
  CapturedSink captured;
  const auto writer = csv_writer(captured, {});
  ASSERT_TRUE(writer->write({.best = LabelScore{.label = "a", .score = 0.99864125F}}));
  ASSERT_TRUE(writer->write({.best = LabelScore{.label = "a", .score = 0.1F}}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(), "label,score,truncated,error\na,0.99864125,false,\na,0.1,false,\n");
}

TEST(CsvWriter, FailedRowKeepsItsCellsAndHasNoLabel) {
  CapturedSink captured;
  const auto input = read_all("text,n\nb\xE9,1\nshort\n", "r.csv");
  const auto writer = csv_writer(captured, {.input_columns = input.columns});
  for (const auto& row : input.rows) {
    ASSERT_TRUE(writer->write({.carried = &row.error().carried, .error = "bad, \"really\""}));
  }
  ASSERT_TRUE(writer->write({.error = "nothing could be read"}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(),
            "text,n,label,score,truncated,error\nb\xE9,1,,,false,\"bad, \"\"really\"\"\"\n"
            "short,,,,false,\"bad, \"\"really\"\"\"\n,,,,false,nothing could be read\n");
}

TEST(CsvWriter, InputColumnNamedLikeAResultIsRenamed) {
  CapturedSink captured;
  const auto writer = csv_writer(captured, {.input_columns = {"text", "label"}});
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(), "text,input.label,label,score,truncated,error\n") << "and a header without rows stands";
}

TEST(CsvWriter, JsonMembersGoUnderTheirColumns) {
  CapturedSink captured;
  const auto input = read_all(
      "{\"text\": \"a\\n\\\"b\\\"\", \"n\": 1.0}\n{\"n\": null, \"text\": \"c\"}\n{\"text\": \"d\", \"n\": [1, 2]}\n",
      "r.jsonl");
  const auto writer = csv_writer(captured, {.input_columns = input.columns});
  for (const auto& row : input.rows) ASSERT_TRUE(writer->write({.carried = &row->carried, .best = kGood}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(),
            "text,n,label,score,truncated,error\n\"a\n\"\"b\"\"\",1.0,positive,0.75,false,\n"
            "c,,positive,0.75,false,\nd,\"[1, 2]\",positive,0.75,false,\n");
  EXPECT_EQ(writer->rows_with_lost_fields(), 0U);
}

TEST(CsvWriter, JsonMemberWithoutAColumnIsToldInItsRow) {
  CapturedSink captured;
  const auto input = read_all("{\"text\": \"a\"}\n{\"text\": \"b\", \"new\": 1}\n", "r.jsonl");
  const auto writer = csv_writer(captured, {.input_columns = input.columns});
  for (const auto& row : input.rows) ASSERT_TRUE(writer->write({.carried = &row->carried, .best = kGood}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(
      captured.written(),
      "text,label,score,truncated,error\na,positive,0.75,false,\nb,positive,0.75,false,\"field \"\"new\"\" has no "
      "column: columns are those of the first object. Use -f jsonl.\"\n");
  EXPECT_EQ(writer->rows_with_lost_fields(), 1U);
}

TEST(CsvWriter, ContinuedOutputGetsNoSecondHeader) {
  CapturedSink captured;
  const auto writer = csv_writer(captured, {.input_columns = {"text"}}, {.appending = true});
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(), "");
}

TEST(CsvWriter, TerminalSeesNoControlCharacters) {
  CapturedSink captured;
  const auto writer = csv_writer(captured, {.input_columns = {"text"}}, {.to_terminal = true});
  const Fields carried = Fields::of_text("a\x1B[2J");
  ASSERT_TRUE(writer->write({.carried = &carried, .best = kGood}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(), "text,label,score,truncated,error\na␛[2J,positive,0.75,false,\n");
}

TEST(TsvWriter, SeparatesWithTabs) {
  CapturedSink captured;
  const auto writer = std::move(*make_writer(OutputFormat::kTsv, {.input_columns = {"text"}}, captured.sink()));
  const Fields carried = Fields::of_text("a,\tb");
  ASSERT_TRUE(writer->write({.carried = &carried, .best = kGood}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(), "text\tlabel\tscore\ttruncated\terror\n\"a,\tb\"\tpositive\t0.75\tfalse\t\n");
}

}  // namespace
}  // namespace valence::data
