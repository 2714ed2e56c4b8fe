#include "valence/data/table_writer.h"

#include <gtest/gtest.h>

#include "unit/data/captured_sink.h"
#include "valence/data/shown_text.h"

namespace valence::data {
namespace {

using testing::CapturedSink;

std::string table(const std::vector<ResultRowView>& rows, const OutputSchema& schema, const WriterOptions& options) {
  CapturedSink captured;
  const auto writer = std::move(*make_writer(OutputFormat::kTable, schema, captured.sink(), options));
  for (const auto& row : rows) EXPECT_TRUE(writer->write(row));
  EXPECT_TRUE(writer->finish());
  return captured.written();
}

TEST(Table, RowsAlignWithTheTextLast) {
  const std::vector<ResultRowView> rows = {
      {.text = "not bad at all", .best = LabelScore{.label = "positive", .score = 0.9F}},
      {.text = "It's okay", .best = LabelScore{.label = "neutral", .score = 0.5F}}};
  EXPECT_EQ(table(rows, {.labels = {"neutral", "positive"}}, {.table_unicode = false}),
            "label      score             text\n"
            "positive   0.900 #########   not bad at all\n"
            "neutral    0.500 #####       It's okay\n");
}

TEST(Table, BarFillsByEighths) {
  const std::vector<ResultRowView> rows = {{.text = "a", .best = LabelScore{.label = "x", .score = 0.4625F}},
                                           {.text = "b", .best = LabelScore{.label = "x", .score = 1.0F}}};
  EXPECT_EQ(table(rows, {}, {}),
            "label      score             text\n"
            "x          0.463 ████▋       a\n"
            "x          1.000 ██████████  b\n");
}

TEST(Table, LongAndWideTextIsCutToTheTerminal) {
  const std::vector<ResultRowView> rows = {
      {.text = "the quick brown fox jumps over the lazy dog", .best = LabelScore{.label = "x", .score = 0.5F}},
      {.text = "日本語日本語日本語日本語日本語日本語",
       .best = LabelScore{.label = "x", .score = 0.5F},
       .truncated = true}};
  const std::string out = table(rows, {}, {.table_width = 60});
  for (std::size_t begin = 0, end = 0; begin < out.size(); begin = end + 1) {
    end = out.find('\n', begin);
    EXPECT_LE(display_width(out.substr(begin, end - begin)), 60U) << out.substr(begin, end - begin);
  }
  EXPECT_NE(out.find("… [truncated]\n"), std::string::npos) << out;
}

TEST(Table, TextCannotDriveTheTerminal) {
  const std::vector<ResultRowView> rows = {
      {.text = "a\x1B[31m\nb", .best = LabelScore{.label = "x\x1B", .score = 0.5F}}};
  EXPECT_NE(table(rows, {}, {}).find("x␛         0.500 █████       a␛[31m␊b\n"), std::string::npos)
      << table(rows, {}, {});
}

TEST(Table, RankedLabelsFollowOnTheirOwnLines) {
  const std::vector<LabelScore> scores = {{.label = "a", .score = 0.75F}, {.label = "b", .score = 0.25F}};
  EXPECT_EQ(table({{.text = "t", .best = scores[0], .scores = scores}}, {.has_scores = true}, {.table_unicode = false}),
            "label      score             text\n"
            "a          0.750 #######     t\n"
            "b          0.250 ##\n");
}

TEST(Table, FailedRowShowsItsError) {
  EXPECT_EQ(table({{.error = "r.csv:3: empty text"}}, {}, {.appending = true}),
            "error                        r.csv:3: empty text\n");
}

TEST(Table, LogitHasNoBar) {
  EXPECT_EQ(table({{.text = "t", .best = LabelScore{.label = "a", .score = -3.25F}}}, {}, {.appending = true}),
            "a         -3.250             t\n");
  EXPECT_FALSE(table({{.text = "t", .best = LabelScore{.label = "a", .score = 1e30F}}}, {}, {}).empty());
}

}  // namespace
}  // namespace valence::data
