#include "valence/data/json_writer.h"

#include <gtest/gtest.h>

#include "unit/data/captured_sink.h"
#include "unit/data/chunked_source.h"

namespace valence::data {
namespace {

using testing::CapturedSink;
using testing::read_all;

constexpr LabelScore kGood{.label = "POSITIVE", .score = 0.9986F};
constexpr LabelScore kBad{.label = "NEGATIVE", .score = 0.0014F};

std::unique_ptr<Writer> writer_of(OutputFormat format, CapturedSink& captured, OutputSchema schema = {},
                                  const WriterOptions& options = {}) {
  return std::move(*make_writer(format, std::move(schema), captured.sink(), options));
}

TEST(JsonlWriter, MembersStandAsTheyCameThenTheResult) {
  CapturedSink captured;
  const auto input = read_all(R"({"id":12345678901234567890,"n": 1.0, "text":"g\u00f6od", "x":{"a":  1}})", "r.jsonl");
  const auto writer = writer_of(OutputFormat::kJsonl, captured);
  ASSERT_TRUE(writer->write({.carried = &input.rows[0]->carried, .best = kGood}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(),
            "{\"id\": 12345678901234567890, \"n\": 1.0, \"text\": \"g\\u00f6od\", \"x\": {\"a\":  1}, "
            "\"label\": \"POSITIVE\", \"score\": 0.9986}\n");
}

TEST(JsonlWriter, CellsBecomeStrings) {
  CapturedSink captured;
  const auto input = read_all("id,text,label\n007,\"a \"\"b\"\"\",x\n", "r.csv");
  const auto writer = writer_of(OutputFormat::kJsonl, captured);
  ASSERT_TRUE(writer->write({.carried = &input.rows[0]->carried, .best = kGood}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(),
            "{\"id\": \"007\", \"text\": \"a \\\"b\\\"\", \"input.label\": \"x\", \"label\": \"POSITIVE\", \"score\": "
            "0.9986}\n");
}

TEST(JsonlWriter, OptionalFieldsComeOnlyWhereTheyApply) {
  CapturedSink captured;
  const Fields carried = Fields::of_text("a");
  const std::vector<LabelScore> scores = {kGood, kBad};
  const auto writer = writer_of(OutputFormat::kJsonl, captured, {.has_scores = true});
  ASSERT_TRUE(writer->write({.carried = &carried, .best = kGood, .scores = scores, .truncated = true}));
  ASSERT_TRUE(writer->write({.carried = &carried, .error = "empty text"}));
  ASSERT_TRUE(writer->write({.error = "not JSON"}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(),
            "{\"text\": \"a\", \"label\": \"POSITIVE\", \"score\": 0.9986, \"scores\": [{\"label\": \"POSITIVE\", "
            "\"score\": 0.9986}, {\"label\": \"NEGATIVE\", \"score\": 0.0014}], \"truncated\": true}\n"
            "{\"text\": \"a\", \"error\": \"empty text\"}\n{\"error\": \"not JSON\"}\n");
}

TEST(JsonlWriter, MembersNamedLikeResultsAreRenamedRowByRow) {
  CapturedSink captured;
  const auto input =
      read_all("{\"text\": \"a\", \"label\": 1}\n{\"text\": \"b\", \"input.label\": 2, \"label\": 3}\n", "r.jsonl");
  const auto writer = writer_of(OutputFormat::kJsonl, captured);
  for (const auto& row : input.rows) ASSERT_TRUE(writer->write({.carried = &row->carried, .error = "x"}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(),
            "{\"text\": \"a\", \"input.label\": 1, \"error\": \"x\"}\n"
            "{\"text\": \"b\", \"input.label\": 2, \"input.input.label\": 3, \"error\": \"x\"}\n");
}

TEST(JsonlWriter, InputsWithOtherColumnsKeepTheirOwnNames) {
  CapturedSink captured;
  const auto first = read_all("text,a\nx,1\n", "1.csv");
  const auto second = read_all("b,text\n2,y\n", "2.csv");
  const auto writer = writer_of(OutputFormat::kJsonl, captured);
  ASSERT_TRUE(writer->write({.carried = &first.rows[0]->carried, .best = kGood}));
  ASSERT_TRUE(writer->write({.carried = &second.rows[0]->carried, .best = kGood}));
  ASSERT_TRUE(writer->finish());
  EXPECT_NE(captured.written().find("{\"b\": \"2\", \"text\": \"y\""), std::string::npos) << captured.written();
}

TEST(JsonlWriter, InvalidBytesOfARefusedRowLeaveTheJsonValid) {
  CapturedSink captured;
  const auto input = read_all("text\nb\xE9\n", "r.csv");
  const auto writer = writer_of(OutputFormat::kJsonl, captured);
  ASSERT_TRUE(writer->write({.carried = &input.rows[0].error().carried, .error = "bad"}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(), "{\"text\": \"b\xEF\xBF\xBD\", \"error\": \"bad\"}\n");
}

TEST(JsonWriter, HasTheShapeOfTheHuggingFacePipeline) {
  CapturedSink captured;
  const auto writer = writer_of(OutputFormat::kJson, captured);
  ASSERT_TRUE(writer->write({.best = kGood}));
  ASSERT_TRUE(writer->write({.error = "empty text"}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(), "[{\"label\": \"POSITIVE\", \"score\": 0.9986},\n{\"error\": \"empty text\"}]\n");
}

TEST(JsonWriter, RankedLabelsAreListsOfLists) {
  CapturedSink captured;
  const std::vector<LabelScore> scores = {kGood, kBad};
  const auto writer = writer_of(OutputFormat::kJson, captured, {.has_scores = true});
  ASSERT_TRUE(writer->write({.best = kGood, .scores = scores}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(),
            "[[{\"label\": \"POSITIVE\", \"score\": 0.9986}, {\"label\": \"NEGATIVE\", \"score\": 0.0014}]]\n");
}

TEST(JsonWriter, NoRowsAreAnEmptyArray) {
  CapturedSink captured;
  ASSERT_TRUE(writer_of(OutputFormat::kJson, captured)->finish());
  EXPECT_EQ(captured.written(), "[]\n");
}

TEST(JsonWriter, ContinuedOutputGoesOnWithAComma) {
  CapturedSink captured;
  const auto writer = writer_of(OutputFormat::kJson, captured, {}, {.appending = true});
  ASSERT_TRUE(writer->write({.best = kGood}));
  ASSERT_TRUE(writer->finish());
  EXPECT_EQ(captured.written(), ",\n{\"label\": \"POSITIVE\", \"score\": 0.9986}]\n");
}

}  // namespace
}  // namespace valence::data
