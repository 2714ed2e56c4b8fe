// Scores, zero-shot labels and entities against the pipelines of transformers, as tools/make_pipeline_goldens.py
// recorded them.
#include <gtest/gtest.h>

#include <filesystem>

#include "parity/tokenizer_goldens.h"
#include "support/model_goldens.h"
#include "support/temporary_directory.h"
#include "valence/classifier.h"

namespace valence {
namespace {

using namespace testing::goldens;  // NOLINT: the vocabulary of this test

namespace fs = std::filesystem;

// The project's promise for scores. Both sides round f32 logits of their own.
constexpr float kScoreParity = 1e-4F;

const fs::path kPipelines = fs::path(VALENCE_TESTS_DIR) / "parity/data/pipeline";

/// A golden, and the directory of its model while this lives.
class PipelineGolden {
 public:
  explicit PipelineGolden(const std::string& name)
      : json_(must(Json::parse(must(read_file(kPipelines / name, 4U << 20U)), name))) {
    testing::write_checkpoint(must(testing::load_model_golden(kPipelines / name)).checkpoint, folder_.path());
    const auto files = must(must(json_.at("files")).members());
    for (const auto& [file, content] : files) folder_.write(file, must(content.as_string()));
    if (!fs::exists(folder_.path() / "tokenizer.json")) {
      fs::copy_file(kGoldens / "vocab.txt", folder_.path() / "vocab.txt");
    }
  }

  [[nodiscard]] std::shared_ptr<const Classifier> classifier(ClassifierOptions options) const {
    options.precision = Precision::kFp32;
    options.threads = 1;
    return must(Classifier::load(folder_.path(), options));
  }
  /// The recorded calls of one pipeline; none if there were none.
  [[nodiscard]] std::vector<Json> calls(std::string_view pipeline) const {
    const auto found = json_.find(pipeline);
    return found ? must(found->items()) : std::vector<Json>();
  }

 private:
  Json json_;
  testing::TemporaryDirectory folder_;
};

void expect_scores(const Result<Prediction>& prediction, const Json& expected, const std::string& what) {
  ASSERT_TRUE(prediction.has_value()) << what << ": " << prediction.error().to_string();
  const auto scores = must(expected.items());
  ASSERT_EQ(prediction->scores.size(), scores.size()) << what;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    EXPECT_NEAR(prediction->scores[i], must(scores[i].as_number()), kScoreParity) << what << " label " << i;
  }
}

class PipelineParity : public ::testing::TestWithParam<std::string> {};

TEST_P(PipelineParity, TextsAndPairsHaveTheScoresOfTextClassification) {
  const PipelineGolden golden(GetParam());
  const auto calls = golden.calls("classify");
  if (calls.empty()) return;
  std::vector<std::string> texts;
  std::vector<std::optional<std::string>> pairs;
  for (const Json& call : calls) {
    const auto parts = must(call.items());
    texts.push_back(must(parts[0].as_string()));
    pairs.push_back(parts[1].is_null() ? std::nullopt : std::optional(must(parts[1].as_string())));
  }
  std::vector<TextInput> inputs;
  for (std::size_t i = 0; i < texts.size(); ++i) inputs.push_back({.text = texts[i], .pair = pairs[i]});
  const auto predictions = golden.classifier({})->classify(inputs);
  for (std::size_t i = 0; i < texts.size(); ++i) {
    expect_scores(predictions[i], must(calls[i].items())[2], calls[i].dump());
  }
}

TEST_P(PipelineParity, ZeroShotLabelsHaveTheScoresOfThePipeline) {
  const PipelineGolden golden(GetParam());
  for (const Json& call : golden.calls("zero_shot")) {
    const auto parts = must(call.items());
    ZeroShotOptions options;
    for (const Json& label : must(parts[0].items())) options.labels.push_back(must(label.as_string()));
    options.hypothesis_template = must(parts[1].as_string());
    options.multi_label = must(parts[2].as_boolean());
    const auto classifier = golden.classifier({.zero_shot = options});
    EXPECT_EQ(classifier->labels(), options.labels);
    for (const Json& result : must(parts[3].items())) {
      const auto text_and_scores = must(result.items());
      const std::string text = must(text_and_scores[0].as_string());
      expect_scores(classifier->classify(std::array{TextInput{text}}).front(), text_and_scores[1], result.dump());
    }
  }
}

void expect_entities(const std::vector<Entity>& entities, const Json& expected, const std::string& what) {
  const auto items = must(expected.items());
  ASSERT_EQ(entities.size(), items.size()) << what;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Json& item = items[i];
    const bool grouped = item.find("entity_group").has_value();
    EXPECT_EQ(entities[i].label, must(item.string(grouped ? "entity_group" : "entity"))) << what;
    EXPECT_EQ(entities[i].word, must(item.string("word"))) << what;
    EXPECT_EQ(entities[i].start_chars, static_cast<std::size_t>(must(item.integer("start")))) << what;
    EXPECT_EQ(entities[i].end_chars, static_cast<std::size_t>(must(item.integer("end")))) << what;
    EXPECT_EQ(entities[i].token, grouped ? -1 : must(item.integer("index"))) << what;
    EXPECT_NEAR(entities[i].score, must(item.number("score")), kScoreParity) << what;
  }
}

TEST_P(PipelineParity, EntitiesAreThoseOfTokenClassification) {
  static constexpr std::pair<std::string_view, AggregationStrategy> kStrategies[] = {
      {"none", AggregationStrategy::kNone},
      {"simple", AggregationStrategy::kSimple},
      {"first", AggregationStrategy::kFirst},
      {"average", AggregationStrategy::kAverage},
      {"max", AggregationStrategy::kMax}};
  const PipelineGolden golden(GetParam());
  const auto calls = golden.calls("tokens");
  for (std::size_t i = 0; i < calls.size(); ++i) {
    const auto parts = must(calls[i].items());
    ASSERT_EQ(must(parts[0].as_string()), kStrategies[i].first);
    const auto classifier = golden.classifier({.aggregation = kStrategies[i].second});
    EXPECT_TRUE(classifier->labels_tokens());
    for (const Json& result : must(parts[1].items())) {
      const auto text_and_entities = must(result.items());
      const std::string text = must(text_and_entities[0].as_string());
      const auto predictions = classifier->classify(std::array{TextInput{text}});
      ASSERT_TRUE(predictions.front().has_value()) << predictions.front().error().to_string();
      expect_entities(predictions.front()->entities, text_and_entities[1], result.dump());
    }
  }
}

std::vector<std::string> pipeline_goldens() {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(kPipelines)) names.push_back(entry.path().filename());
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(Golden, PipelineParity, ::testing::ValuesIn(pipeline_goldens()),
                         [](const auto& each) { return fs::path(each.param).stem().string(); });

}  // namespace
}  // namespace valence
