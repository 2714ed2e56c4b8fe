#include "valence/data/formats.h"

#include <gtest/gtest.h>

namespace valence::data {
namespace {

TEST(Formats, SuffixTellsTheInputFormatInAnyCase) {
  EXPECT_EQ(input_format_of("reviews.csv"), InputFormat::kCsv);
  EXPECT_EQ(input_format_of("a/b.c/Reviews.TSV"), InputFormat::kTsv);
  EXPECT_EQ(input_format_of("r.jsonl"), InputFormat::kJsonl);
  EXPECT_EQ(input_format_of("r.ndjson"), InputFormat::kJsonl);
  EXPECT_EQ(input_format_of("r.txt"), InputFormat::kTxt);
}

TEST(Formats, CompressionSuffixIsLookedBehind) {
  EXPECT_EQ(input_format_of("reviews.csv.gz"), InputFormat::kCsv);
  EXPECT_EQ(input_format_of("reviews.jsonl.ZST"), InputFormat::kJsonl);
  EXPECT_EQ(input_format_of("reviews.gz"), std::nullopt);
}

TEST(Formats, UnknownOrAbsentSuffixTellsNothing) {
  EXPECT_EQ(input_format_of("reviews.json"), std::nullopt) << "an array is not read";
  EXPECT_EQ(input_format_of("reviews"), std::nullopt);
  EXPECT_EQ(input_format_of("dir.csv/reviews"), std::nullopt);
}

TEST(Formats, SuffixTellsTheOutputFormat) {
  EXPECT_EQ(output_format_of("out.json"), OutputFormat::kJson);
  EXPECT_EQ(output_format_of("out.ndjson"), OutputFormat::kJsonl);
  EXPECT_EQ(output_format_of("out.table"), std::nullopt);
  EXPECT_EQ(output_format_of("out"), std::nullopt);
}

TEST(Formats, EveryNameIsParsedBack) {
  for (const auto format : {InputFormat::kCsv, InputFormat::kTsv, InputFormat::kJsonl, InputFormat::kTxt}) {
    EXPECT_EQ(parse_input_format(name_of(format)), format);
  }
  for (const auto format :
       {OutputFormat::kTable, OutputFormat::kCsv, OutputFormat::kTsv, OutputFormat::kJsonl, OutputFormat::kJson}) {
    EXPECT_EQ(parse_output_format(name_of(format)), format);
  }
}

TEST(Formats, OtherNamesAreRefused) {
  EXPECT_EQ(parse_input_format("json"), std::nullopt);
  EXPECT_EQ(parse_output_format("txt"), std::nullopt);
  EXPECT_EQ(parse_output_format("ndjson"), std::nullopt) << "the contract names jsonl";
}

}  // namespace
}  // namespace valence::data
