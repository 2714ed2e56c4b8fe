#include "valence/hub/model_card.h"

#include <gtest/gtest.h>

namespace valence::hub {
namespace {

using Entries = std::vector<std::pair<std::string, std::string>>;

TEST(ModelCard, ScalarsAndListsBecomeATable) {
  const ModelCard card = parse_model_card(
      "---\nlanguage: en\nlicense: \"apache-2.0\"\ntags: [a, 'b']\ndatasets:\n- sst2\n- glue\npipeline_tag:\n  - "
      "text-classification\n"
      "# a comment\n---\n# Title\n\ntext\n");
  EXPECT_EQ(card.front_matter, (Entries{{"language", "en"},
                                        {"license", "apache-2.0"},
                                        {"tags", "a, b"},
                                        {"datasets", "sst2, glue"},
                                        {"pipeline_tag", "text-classification"}}));
  EXPECT_EQ(card.body, "# Title\n\ntext\n");
}

TEST(ModelCard, NestedResultsAreLeftOut) {
  const ModelCard card = parse_model_card(
      "---\nmodel-index:\n- name: x\n  results:\n  - task:\n      type: t\n    metrics:\n    - 0.9\nlicense: "
      "mit\n---\nbody");
  EXPECT_EQ(card.front_matter, (Entries{{"license", "mit"}}));
}

TEST(ModelCard, TextWithoutFrontMatterIsAllBody) {
  for (const char* text : {"", "# Title\n", "--- a\nb: c\n---\n", "---\nnever: ends\n", "text\n---\na: b\n---\n"}) {
    const ModelCard card = parse_model_card(text);
    EXPECT_TRUE(card.front_matter.empty()) << text;
    EXPECT_EQ(card.body, text);
  }
}

TEST(ModelCard, CarriageReturnsAndByteOrderMarkAreNoObstacle) {
  const ModelCard card = parse_model_card("\xEF\xBB\xBF---\r\nlicense: mit\r\n---\r\nbody\r\n");
  EXPECT_EQ(card.front_matter, (Entries{{"license", "mit"}}));
  EXPECT_EQ(card.body, "body\r\n");
}

}  // namespace
}  // namespace valence::hub
