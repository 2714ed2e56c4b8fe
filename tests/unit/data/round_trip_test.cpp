// What is written is read back the same: over random fields made of what troubles CSV and JSON.
#include <gtest/gtest.h>

#include <random>

#include "unit/data/captured_sink.h"
#include "unit/data/chunked_source.h"
#include "valence/base/json.h"
#include "valence/data/json_slice.h"
#include "valence/data/writer.h"

namespace valence::data {
namespace {

using testing::CapturedSink;
using testing::read_all;

constexpr LabelScore kBest{.label = "a \"label\", with\nall", .score = 0.3F};

std::string random_text(std::mt19937& random) {
  static const std::vector<std::string> kPieces = {"a",    "b c",  ",", "\t", "\"", "\"\"", "\n",     "\r",     "\r\n",
                                                   "é",    "日",   "😀", "\\", "{",  "}",    ":",      "'",      ";",
                                                   "\x1B", "\x7F", " ", "[",  "]",  "/",    "\u2028", "\\u0041"};
  std::string text;
  const int pieces = std::uniform_int_distribution<int>(0, 6)(random);
  for (int i = 0; i < pieces; ++i)
    text += kPieces[std::uniform_int_distribution<std::size_t>(0, kPieces.size() - 1)(random)];
  return text;
}

std::vector<std::vector<std::string>> random_rows(unsigned seed, std::size_t columns) {
  std::mt19937 random(seed);
  std::vector<std::vector<std::string>> rows(500, std::vector<std::string>(columns));
  for (auto& row : rows) {
    for (auto& value : row) value = random_text(random);
  }
  return rows;
}

std::string written(OutputFormat format, const std::vector<std::vector<std::string>>& rows,
                    const std::vector<std::string>& columns) {
  const auto header = std::make_shared<const std::vector<std::string>>(columns);
  CapturedSink captured;
  const auto writer = std::move(*make_writer(format, {.input_columns = columns}, captured.sink()));
  for (const auto& row : rows) {
    Fields fields(header);
    for (const auto& value : row) fields.add_cell(value);
    EXPECT_TRUE(writer->write({.carried = &fields, .best = kBest}));
  }
  EXPECT_TRUE(writer->finish());
  return captured.written();
}

const std::vector<std::string> kColumns = {"text", "x, \"y\"\nz", "label"};

TEST(RoundTrip, DelimitedFieldsComeBackByteForByte) {
  const auto rows = random_rows(1, kColumns.size());
  for (const auto& [format, name] : {std::pair{OutputFormat::kCsv, "r.csv"}, std::pair{OutputFormat::kTsv, "r.tsv"}}) {
    const auto input = read_all(written(format, rows, kColumns), name);
    ASSERT_FALSE(input.error.has_value()) << input.error->to_string();
    EXPECT_EQ(input.columns,
              (std::vector<std::string>{"text", "x, \"y\"\nz", "input.label", "label", "score", "truncated", "error"}));
    ASSERT_EQ(input.rows.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      ASSERT_TRUE(input.rows[i].has_value()) << input.rows[i].error().error.to_string();
      for (std::size_t c = 0; c < kColumns.size(); ++c) EXPECT_EQ(input.rows[i]->carried.value(c), rows[i][c]);
      EXPECT_EQ(input.rows[i]->carried.value(3), kBest.label);
      EXPECT_EQ(input.rows[i]->carried.value(4), "0.3");
    }
  }
}

TEST(RoundTrip, JsonlMembersComeBackByteForByte) {
  const auto rows = random_rows(2, kColumns.size());
  const std::string first = written(OutputFormat::kJsonl, rows, kColumns);
  const auto input = read_all(first, "r.jsonl");
  ASSERT_EQ(input.rows.size(), rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    ASSERT_TRUE(input.rows[i].has_value()) << input.rows[i].error().error.to_string();
    EXPECT_EQ(input.rows[i]->text, rows[i][0]);
    for (std::size_t c = 0; c < kColumns.size(); ++c) {
      std::string value;
      append_json_string_content(value, input.rows[i]->carried.value(c));
      EXPECT_EQ(value, rows[i][c]);
    }
  }
}

TEST(RoundTrip, JsonlAgreesWithTheJsonLibrary) {
  const auto rows = random_rows(3, kColumns.size());
  const auto input = read_all(written(OutputFormat::kJsonl, rows, kColumns), "r.jsonl");
  for (std::size_t i = 0; i < input.rows.size(); ++i) {
    const auto& carried = input.rows[i]->carried;
    for (std::size_t c = 0; c < kColumns.size(); ++c) {
      const auto value = Json::parse(carried.value(c), "value");
      ASSERT_TRUE(value.has_value()) << carried.value(c);
      EXPECT_EQ(value->as_string(), rows[i][c]);
    }
  }
}

TEST(RoundTrip, OneByteChunksGiveTheSameRows) {
  const auto rows = random_rows(4, kColumns.size());
  for (const auto& [format, name] :
       {std::pair{OutputFormat::kCsv, "r.csv"}, std::pair{OutputFormat::kJsonl, "r.jsonl"}}) {
    const std::string bytes = written(format, rows, kColumns);
    const auto whole = read_all(bytes, name);
    const auto chunked = read_all(bytes, name, {}, 1);
    ASSERT_EQ(chunked.rows.size(), whole.rows.size());
    for (std::size_t i = 0; i < whole.rows.size(); ++i) {
      ASSERT_EQ(testing::described(chunked.rows[i]), testing::described(whole.rows[i]));
    }
  }
}

}  // namespace
}  // namespace valence::data
