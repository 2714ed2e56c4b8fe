#include "valence/model/onnx_model.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>

#include "support/golden_logits.h"
#include "support/onnx_goldens.h"
#include "support/random_checkpoint.h"
#include "valence/model/model.h"

namespace valence {
namespace {

namespace fs = std::filesystem;
using testing::ExportDirectory;
using testing::logits_of;
using testing::TemporaryDirectory;

// The project's promise for f32: largest difference of any logit over the largest absolute logit of the golden.
constexpr double kF32RelativeParity = 5e-5;

class OnnxParity : public ::testing::TestWithParam<std::string> {};

TEST_P(OnnxParity, LogitsAreThoseOfTheReferenceWithTheWeightsAsDequantised) {
  const ExportDirectory exported(GetParam());
  auto model = load_model(exported.path());
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_TRUE(model->weights.unused.empty());
  const auto logits = logits_of(std::move(*model), exported.golden.sequences, Precision::kFp32);
  const double difference = testing::relative_difference(logits, exported.golden.sequences);
  EXPECT_LE(difference, kF32RelativeParity);
  RecordProperty("relative_difference", std::to_string(difference));
}

INSTANTIATE_TEST_SUITE_P(Golden, OnnxParity,
                         ::testing::Values("bert_traced", "bert_dynamo", "bert_half", "bert_tanh_gelu", "bert_fixed",
                                           "bert_beside", "bert_i8", "bert_u8", "bert_u8_outputs", "distilbert_traced",
                                           "distilbert_dynamo", "electra_traced", "electra_dynamo", "albert_traced",
                                           "albert_dynamo", "bert_tokens_traced", "roberta_tokens_dynamo",
                                           "mpnet_traced", "mpnet_dynamo", "mpnet_half", "deberta_v3_traced",
                                           "deberta_v3_dynamo", "deberta_v3_half", "deberta_v2_own_projections_traced",
                                           "deberta_v2_own_projections_dynamo", "modernbert_traced",
                                           "modernbert_mean_traced", "modernbert_mean_dynamo",
                                           "modernbert_biases_dynamo", "modernbert_tokens_traced", "modernbert_half",
                                           "electra_i8", "albert_u8", "mpnet_u8", "deberta_v3_i8", "modernbert_u8",
                                           "bert_fused", "distilbert_fused", "albert_fused", "gpt2_traced",
                                           "gpt2_dynamo", "llama_traced", "llama_dynamo", "mistral_dynamo",
                                           "qwen2_traced", "qwen3_dynamo", "nomic_bert_traced", "gte_dynamo"),
                         [](const auto& each) { return each.param; });

TEST(OnnxModel, F32WeightsGiveTheLogitsOfTheSafetensorsFormToTheBit) {
  for (const char* const name :
       {"bert_traced", "bert_dynamo", "distilbert_traced", "distilbert_dynamo", "electra_dynamo", "albert_traced",
        "roberta_tokens_dynamo", "mpnet_traced", "deberta_v3_dynamo", "deberta_v2_own_projections_traced",
        "modernbert_mean_dynamo", "modernbert_biases_dynamo"}) {
    const ExportDirectory exported(name);
    const TemporaryDirectory folder;
    write_checkpoint(exported.golden.checkpoint, folder.path());
    auto safetensors = load_model(folder.path());
    ASSERT_TRUE(safetensors) << safetensors.error().to_string();
    auto onnx = load_model(exported.path() / "model.onnx");
    ASSERT_TRUE(onnx) << onnx.error().to_string();
    EXPECT_EQ(logits_of(std::move(*onnx), exported.golden.sequences),
              logits_of(std::move(*safetensors), exported.golden.sequences))
        << name;
  }
}

TEST(OnnxModel, WeightsWithoutAZeroPointStayIntegers) {
  const ExportDirectory exported("bert_i8");
  const auto model = load_model(exported.path());
  ASSERT_TRUE(model) << model.error().to_string();
  const auto& query = model->weights.layers[0].query.weight;
  EXPECT_EQ(query.values.dtype, DType::kI8);
  ASSERT_TRUE(query.row_scale.has_value());
}

TEST(OnnxModel, SafetensorsAreChosenWhereBothAreThere) {
  const ExportDirectory exported("bert_traced");
  write_checkpoint(exported.golden.checkpoint, exported.path());
  const auto found = find_onnx(exported.path());
  ASSERT_TRUE(found) << found.error().to_string();
  EXPECT_FALSE(found->has_value());
  EXPECT_EQ(find_onnx(exported.path() / "model.onnx").value(), exported.path() / "model.onnx");
}

TEST(OnnxModel, FolderNamedOnnxIsFoundWithItsConfigurationADirectoryUp) {
  const ExportDirectory exported("bert_traced");
  fs::create_directory(exported.path() / "onnx");
  fs::rename(exported.path() / "model.onnx", exported.path() / "onnx" / "model.onnx");
  EXPECT_TRUE(load_model(exported.path()).has_value());
  EXPECT_TRUE(load_model(exported.path() / "onnx" / "model.onnx").has_value());
  fs::rename(exported.path() / "onnx" / "model.onnx", exported.path() / "onnx" / "model_quantized.onnx");
  const auto other = load_model(exported.path());
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().what().find("onnx/model_quantized.onnx"), std::string::npos) << other.error().to_string();
}

TEST(OnnxModel, WithoutConfigurationItIsRefusedWithTheRemedy) {
  const ExportDirectory exported("bert_traced");
  fs::remove(exported.path() / "config.json");
  const auto model = load_model(exported.path() / "model.onnx");
  ASSERT_FALSE(model);
  EXPECT_EQ(model.error().code(), ErrorCode::kNotFound);
  EXPECT_NE(model.error().hint().find("config.json"), std::string::npos);
}

}  // namespace
}  // namespace valence
