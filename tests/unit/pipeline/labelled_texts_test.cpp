#include "valence/pipeline/labelled_texts.h"

#include <gtest/gtest.h>

#include <array>

#include "support/temporary_directory.h"

namespace valence::pipeline {
namespace {

const std::array<std::string, 2> kLabels = {"negative", "positive"};

class LabelledTextsTest : public ::testing::Test {
 protected:
  Result<LabelledTexts> read(const std::string& name, std::string_view content,
                             const std::string& label_column = kUsualLabelColumn) {
    return read_labelled_texts(folder_.write(name, content).string(), {}, label_column, kLabels);
  }
  std::string refusal(const std::string& name, std::string_view content,
                      const std::string& label_column = kUsualLabelColumn) {
    const auto read_texts = read(name, content, label_column);
    return read_texts ? "accepted" : read_texts.error().to_string();
  }
  valence::testing::TemporaryDirectory folder_;
};

TEST_F(LabelledTextsTest, CsvAndJsonLinesAreRead) {
  const auto csv = read("a.csv", "text,label\nfine,positive\nbad,negative\n");
  ASSERT_TRUE(csv) << csv.error().to_string();
  EXPECT_EQ(csv->texts, (std::vector<std::string>{"fine", "bad"}));
  EXPECT_EQ(csv->truth, (std::vector<std::int32_t>{1, 0}));
  EXPECT_EQ(csv->lines, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_TRUE(csv->unseen.empty());
  const auto jsonl = read("a.jsonl", "{\"stars\":\"pos\\u0069tive\",\"text\":\"fine\"}\n", "stars");
  ASSERT_TRUE(jsonl) << jsonl.error().to_string();
  EXPECT_EQ(jsonl->truth, std::vector<std::int32_t>{1});
  EXPECT_EQ(jsonl->unseen, std::vector<std::string>{"negative"});
}

TEST_F(LabelledTextsTest, UnknownLabelsAreListedBesideTheModels) {
  const std::string message = refusal("a.csv", "text,label\na,Positive\nb,anger\nc,anger\nd,positive\n");
  EXPECT_NE(message.find("\"anger\" (2 rows), \"Positive\" (1 row); the model's are negative, positive"),
            std::string::npos)
      << message;
}

TEST_F(LabelledTextsTest, RowsWithoutLabelOrTextAreGivenBackWithTheirPlace) {
  const auto read_texts = read("a.csv", "text,label\na,\nb,positive\nc\n");
  ASSERT_TRUE(read_texts);
  EXPECT_EQ(read_texts->texts, std::vector<std::string>{"b"});
  ASSERT_EQ(read_texts->failed.size(), 2U);
  EXPECT_TRUE(read_texts->failed[0].where().ends_with("a.csv:2")) << read_texts->failed[0].where();
  const auto json = read("b.jsonl", "{\"text\":\"a\",\"label\":null}\n{\"text\":\"b\",\"label\":\"positive\"}\n");
  ASSERT_TRUE(json);
  EXPECT_EQ(json->failed.size(), 1U);
}

TEST_F(LabelledTextsTest, MissingColumnsAreNamedWithThoseThereAre) {
  EXPECT_NE(refusal("a.csv", "text,stars\na,1\n")
                .find("no column \"label\"; the columns are: text, stars. Hint: say "
                      "which holds the labels with --label-column"),
            std::string::npos);
  EXPECT_NE(refusal("a.jsonl", "{\"text\":\"a\"}\n").find("no field \"label\""), std::string::npos);
  EXPECT_NE(refusal("a.csv", "text,label\na,positive\n", "text").find("is the column of the texts too"),
            std::string::npos);
}

TEST_F(LabelledTextsTest, FilesWithoutRowsOrLabelsAreRefused) {
  EXPECT_NE(refusal("a.csv", ""), "accepted");
  EXPECT_NE(refusal("b.csv", "text,label\n").find("has no rows"), std::string::npos);
  EXPECT_NE(refusal("c.jsonl", "").find("has no rows"), std::string::npos);
  EXPECT_NE(refusal("d.txt", "a line\n").find("plain text carries no labels"), std::string::npos);
  EXPECT_NE(refusal("e.csv", "text,label\na,\n").find("no row can be used; the first"), std::string::npos);
}

}  // namespace
}  // namespace valence::pipeline
