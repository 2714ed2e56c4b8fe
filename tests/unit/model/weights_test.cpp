#include "valence/model/weights.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>

#include "support/random_checkpoint.h"
#include "support/safetensors_image.h"
#include "valence/model/model.h"

namespace valence {
namespace {

using testing::as_bytes;
using testing::random_bert;
using testing::random_distilbert;
using testing::RandomCheckpoint;
using testing::RandomTensor;
using testing::WeightFormat;

/// A model and the image its views point into.
struct Loaded {
  std::string image;
  Result<Model> model;
};

std::unique_ptr<Loaded> load(const RandomCheckpoint& checkpoint) {
  auto loaded = std::make_unique<Loaded>(Loaded{image_of(checkpoint), fail(ErrorCode::kInternal, "", "")});
  loaded->model = load_model(checkpoint.config_json, as_bytes(loaded->image), "m");
  return loaded;
}

std::string refusal(const RandomCheckpoint& checkpoint) {
  const auto loaded = load(checkpoint);
  return loaded->model ? "accepted" : loaded->model.error().to_string();
}

RandomTensor& tensor(RandomCheckpoint& checkpoint, std::string_view name) {
  const auto found = std::ranges::find(checkpoint.tensors, name, &RandomTensor::name);
  EXPECT_NE(found, checkpoint.tensors.end()) << name;
  return *found;
}

void erase(RandomCheckpoint& checkpoint, const std::function<bool(const std::string&)>& matches) {
  std::erase_if(checkpoint.tensors, [&](const RandomTensor& t) { return matches(t.name); });
}

void replace(std::string& text, std::string_view from, std::string_view to) {
  text.replace(text.find(from), from.size(), to);
}

void rename_all(RandomCheckpoint& checkpoint, std::string_view from, std::string_view to) {
  for (auto& t : checkpoint.tensors) {
    if (t.name.find(from) != std::string::npos) replace(t.name, from, to);
  }
}

std::vector<float> first_row(const MatrixView& matrix) {
  std::vector<float> row(static_cast<std::size_t>(matrix.columns()));
  copy_row_as_f32(matrix, 0, row);
  return row;
}

std::vector<float> expected_row(RandomCheckpoint checkpoint, std::string_view name) {
  const RandomTensor& t = tensor(checkpoint, name);
  auto values = values_of(t, checkpoint);
  values.resize(static_cast<std::size_t>(t.shape[1]));
  return values;
}

TEST(BindWeights, BertTensorsFindTheirRoles) {
  const auto checkpoint = random_bert();
  const auto loaded = load(checkpoint);
  ASSERT_TRUE(loaded->model) << loaded->model.error().to_string();
  const ModelWeights& weights = loaded->model->weights;
  EXPECT_EQ(weights.layers.size(), 2U);
  EXPECT_TRUE(weights.unused.empty());
  const auto is = [&](const MatrixView& matrix, std::string_view name) {
    EXPECT_EQ(first_row(matrix), expected_row(checkpoint, name)) << name;
  };
  is(weights.embeddings.word, "bert.embeddings.word_embeddings.weight");
  is(*weights.embeddings.position, "bert.embeddings.position_embeddings.weight");
  is(*weights.embeddings.token_type, "bert.embeddings.token_type_embeddings.weight");
  is(weights.layers[1].query.weight, "bert.encoder.layer.1.attention.self.query.weight");
  is(weights.layers[1].key.weight, "bert.encoder.layer.1.attention.self.key.weight");
  is(weights.layers[1].value.weight, "bert.encoder.layer.1.attention.self.value.weight");
  is(weights.layers[0].attention_output.weight, "bert.encoder.layer.0.attention.output.dense.weight");
  is(weights.layers[0].intermediate.weight, "bert.encoder.layer.0.intermediate.dense.weight");
  is(weights.layers[0].output.weight, "bert.encoder.layer.0.output.dense.weight");
  is(weights.head_dense->weight, "bert.pooler.dense.weight");
  is(weights.classifier.weight, "classifier.weight");
}

TEST(BindWeights, DistilBertTensorsFindTheirRoles) {
  const auto checkpoint = random_distilbert();
  const auto loaded = load(checkpoint);
  ASSERT_TRUE(loaded->model) << loaded->model.error().to_string();
  const ModelWeights& weights = loaded->model->weights;
  EXPECT_FALSE(weights.embeddings.token_type);
  EXPECT_EQ(first_row(weights.layers[1].value.weight),
            expected_row(checkpoint, "distilbert.transformer.layer.1.attention.v_lin.weight"));
  EXPECT_EQ(first_row(weights.layers[0].output.weight),
            expected_row(checkpoint, "distilbert.transformer.layer.0.ffn.lin2.weight"));
  EXPECT_EQ(first_row(weights.head_dense->weight), expected_row(checkpoint, "pre_classifier.weight"));
}

TEST(BindWeights, EveryFormatIsReadBackToTheValuesItStores) {
  for (const auto format : {WeightFormat::kF32, WeightFormat::kF16, WeightFormat::kBF16, WeightFormat::kI8}) {
    auto checkpoint = random_bert();
    checkpoint.format = format;
    const auto loaded = load(checkpoint);
    ASSERT_TRUE(loaded->model) << loaded->model.error().to_string();
    const MatrixView& matrix = loaded->model->weights.layers[0].intermediate.weight;
    const auto values = values_of(tensor(checkpoint, "bert.encoder.layer.0.intermediate.dense.weight"), checkpoint);
    std::vector<float> read(values.size());
    for (std::int64_t row = 0; row < matrix.rows(); ++row) {
      copy_row_as_f32(matrix, row,
                      std::span(read).subspan(static_cast<std::size_t>(row * matrix.columns()),
                                              static_cast<std::size_t>(matrix.columns())));
    }
    EXPECT_EQ(read, values) << static_cast<int>(format);
    EXPECT_TRUE(loaded->model->weights.unused.empty());
  }
}

TEST(BindWeights, LegacyNamesOfLayerNormAreUnderstood) {
  auto checkpoint = random_bert();
  rename_all(checkpoint, "LayerNorm.weight", "LayerNorm.gamma");
  rename_all(checkpoint, "LayerNorm.bias", "LayerNorm.beta");
  EXPECT_EQ(refusal(checkpoint), "accepted");
}

TEST(BindWeights, EncoderNamesWithoutPrefixAreUnderstood) {
  auto checkpoint = random_bert();
  for (auto& t : checkpoint.tensors) {
    if (t.name.starts_with("bert.")) t.name.erase(0, 5);
  }
  EXPECT_EQ(refusal(checkpoint), "accepted");
}

TEST(BindWeights, MissingTensorsAreNamedUpToTen) {
  auto checkpoint = random_bert();
  erase(checkpoint, [](const std::string& name) { return name == "bert.encoder.layer.1.output.dense.bias"; });
  EXPECT_EQ(refusal(checkpoint),
            "m/model.safetensors: 1 tensor of a bert classifier missing: bert.encoder.layer.1.output.dense.bias.");
  erase(checkpoint, [](const std::string& name) { return name.find("layer.1.") != std::string::npos; });
  EXPECT_EQ(refusal(checkpoint),
            "m/model.safetensors: 16 tensors of a bert classifier missing: "
            "bert.encoder.layer.1.attention.self.query.weight, bert.encoder.layer.1.attention.self.query.bias, "
            "bert.encoder.layer.1.attention.self.key.weight, bert.encoder.layer.1.attention.self.key.bias, "
            "bert.encoder.layer.1.attention.self.value.weight, bert.encoder.layer.1.attention.self.value.bias, "
            "bert.encoder.layer.1.attention.output.dense.weight, bert.encoder.layer.1.attention.output.dense.bias, "
            "bert.encoder.layer.1.attention.output.LayerNorm.weight, "
            "bert.encoder.layer.1.attention.output.LayerNorm.bias and 6 more.");
}

TEST(BindWeights, HeadThatWasNeverTrainedIsRefused) {
  auto checkpoint = random_bert();
  replace(checkpoint.config_json, "BertForSequenceClassification", "BertForMaskedLM");
  erase(checkpoint, [](const std::string& name) { return name.starts_with("classifier"); });
  checkpoint.tensors.push_back({"cls.predictions.bias", {30}, 0, 0.1});
  const std::string expected =
      "m/model.safetensors: has no trained classification head (it was saved by BertForMaskedLM): classifier.weight is "
      "missing. Hint: fine-tune it for classification first, or choose a checkpoint that was.";
  EXPECT_EQ(refusal(checkpoint), expected);
  erase(checkpoint, [](const std::string& name) { return name.starts_with("bert.pooler"); });
  EXPECT_EQ(refusal(checkpoint), expected);
}

TEST(BindWeights, EncoderSavedBareHasNoHead) {
  auto checkpoint = random_bert();
  erase(checkpoint, [](const std::string& name) { return name.starts_with("classifier"); });
  for (auto& t : checkpoint.tensors) t.name.erase(0, 5);
  replace(checkpoint.config_json, "BertForSequenceClassification", "BertModel");
  EXPECT_EQ(refusal(checkpoint),
            "m/model.safetensors: has no trained classification head (it was saved by BertModel): classifier.weight is "
            "missing. Hint: fine-tune it for classification first, or choose a checkpoint that was.");
}

TEST(BindWeights, MissingPoolerIsExplained) {
  auto checkpoint = random_bert();
  replace(checkpoint.config_json, "BertForSequenceClassification", "BertForQuestionAnswering");
  erase(checkpoint, [](const std::string& name) { return name.starts_with("bert.pooler"); });
  EXPECT_EQ(refusal(checkpoint),
            "m/model.safetensors: has only a part of its classification head (it was saved by "
            "BertForQuestionAnswering), missing: bert.pooler.dense.weight, bert.pooler.dense.bias; a sequence "
            "classifier has it between encoder and classifier. Hint: choose a checkpoint that was trained for sequence "
            "classification.");
}

TEST(BindWeights, LabelsThatDisagreeWithTheClassifierAreRefused) {
  auto checkpoint = random_bert();
  replace(checkpoint.config_json, R"("id2label": {)", R"("id2label": {"2": "neutral", )");
  EXPECT_EQ(refusal(checkpoint),
            "m/model.safetensors: config.json has 3 labels but classifier.weight has 2 rows. Hint: make id2label in "
            "config.json name the labels that the classifier was trained with.");
}

TEST(BindWeights, ShapesThatDisagreeNameTheKeyOfTheConfig) {
  auto bert = random_bert();
  tensor(bert, "bert.encoder.layer.1.intermediate.dense.weight").shape = {11, 8};
  EXPECT_EQ(
      refusal(bert),
      "m/model.safetensors: tensor \"bert.encoder.layer.1.intermediate.dense.weight\" has shape [11, 8], expected "
      "[12, 8]: config.json has intermediate_size 12.");
  auto distilbert = random_distilbert();
  tensor(distilbert, "distilbert.transformer.layer.0.ffn.lin1.weight").shape = {12, 9};
  EXPECT_EQ(
      refusal(distilbert),
      "m/model.safetensors: tensor \"distilbert.transformer.layer.0.ffn.lin1.weight\" has shape [12, 9], expected "
      "[12, 8]: config.json has dim 8.");
}

TEST(BindWeights, VectorsAndScalarsInPlaceOfMatricesAreRefused) {
  auto checkpoint = random_bert();
  tensor(checkpoint, "classifier.weight").shape = {};
  EXPECT_EQ(
      refusal(checkpoint),
      "m/model.safetensors: tensor \"classifier.weight\" has shape [], expected [2, 8]: config.json has 2 labels.");
}

TEST(BindWeights, VocabularyLargerThanTheEmbeddingIsRefusedWithoutAllocatingIt) {
  auto checkpoint = random_bert();
  replace(checkpoint.config_json, R"("vocab_size": 30)", R"("vocab_size": 16777216)");
  EXPECT_EQ(refusal(checkpoint),
            "m/model.safetensors: tensor \"bert.embeddings.word_embeddings.weight\" has shape [30, 8], expected "
            "[16777216, 8]: config.json has vocab_size 16777216.");
}

TEST(BindWeights, LayersBeyondTheConfigAreRefused) {
  auto checkpoint = random_bert();
  replace(checkpoint.config_json, R"("num_hidden_layers": 2)", R"("num_hidden_layers": 1)");
  EXPECT_EQ(refusal(checkpoint),
            "m/model.safetensors: tensor \"bert.encoder.layer.1.attention.output.LayerNorm.bias\" belongs to layer 1, "
            "but config.json has num_hidden_layers 1: layers count from 0.");
}

TEST(BindWeights, TensorsWithoutARoleAreListedButBuffersAreNot) {
  auto checkpoint = random_bert();
  checkpoint.tensors.push_back({"bert.embeddings.position_ids", {1, 16}, 0, 1});
  checkpoint.tensors.push_back({"cls.seq_relationship.weight", {2, 8}, 0, 1});
  const auto loaded = load(checkpoint);
  ASSERT_TRUE(loaded->model) << loaded->model.error().to_string();
  EXPECT_EQ(loaded->model->weights.unused, std::vector<std::string>{"cls.seq_relationship.weight"});
}

/// A checkpoint whose tensors can have any type and bytes: the valid one, with `replacements` in place of their
/// namesakes and beside them.
std::string refusal_with(const RandomCheckpoint& checkpoint, const std::vector<testing::ImageTensor>& replacements) {
  std::vector<testing::ImageTensor> tensors = replacements;
  for (const auto& t : checkpoint.tensors) {
    if (std::ranges::find(replacements, t.name, &testing::ImageTensor::name) != replacements.end()) continue;
    const auto values = values_of(t, checkpoint);
    tensors.push_back({t.name, "F32", t.shape,
                       std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float))});
  }
  const std::string image = testing::image_of(tensors);
  const auto model = load_model(checkpoint.config_json, as_bytes(image), "m");
  return model ? "accepted" : model.error().to_string();
}

TEST(BindWeights, TypesThatHoldNoWeightsAreRefused) {
  EXPECT_EQ(refusal_with(random_bert(), {{"classifier.weight", "I64", {2, 8}, std::string(128, '\0')}}),
            "m/model.safetensors: tensor \"classifier.weight\" is I64, expected F32, F16, BF16 or I8.");
  EXPECT_EQ(refusal_with(random_bert(), {{"classifier.bias", "I8", {2}, "ab"}}),
            "m/model.safetensors: tensor \"classifier.bias\" is I8, expected F32, F16 or BF16.");
}

TEST(BindWeights, QuantizedMatricesNeedTheirScales) {
  const std::string values(16, '\1');
  const std::string m = "m/model.safetensors: tensor ";
  EXPECT_EQ(refusal_with(random_bert(), {{"classifier.weight", "I8", {2, 8}, values},
                                         {"classifier.weight_scale", "F32", {2}, std::string(8, '\0')}}),
            "accepted");
  EXPECT_EQ(refusal_with(random_bert(), {{"classifier.weight", "I8", {2, 8}, values}}),
            m + "\"classifier.weight\" is I8, but its scales, \"classifier.weight_scale\", are missing.");
  EXPECT_EQ(refusal_with(random_bert(), {{"classifier.weight_scale", "F32", {2}, std::string(8, '\0')}}),
            m + "\"classifier.weight_scale\" scales the rows of an I8 matrix, but \"classifier.weight\" is F32.");
  EXPECT_EQ(refusal_with(random_bert(), {{"classifier.weight", "I8", {2, 8}, values},
                                         {"classifier.weight_scale", "F32", {3}, std::string(12, '\0')}}),
            m + "\"classifier.weight_scale\" is F32 [3], expected F32 [2], one scale for each row of "
                "\"classifier.weight\".");
  EXPECT_EQ(refusal_with(random_bert(), {{"classifier.weight", "I8", {2, 8}, values},
                                         {"classifier.weight_scale", "F16", {2}, std::string(4, '\0')}}),
            m + "\"classifier.weight_scale\" is F16 [2], expected F32 [2], one scale for each row of "
                "\"classifier.weight\".");
}

}  // namespace
}  // namespace valence
