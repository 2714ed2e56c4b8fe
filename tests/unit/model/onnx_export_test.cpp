#include "valence/model/onnx_export.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/golden_logits.h"
#include "support/model_goldens.h"
#include "support/temporary_directory.h"
#include "valence/model/model.h"

namespace valence {
namespace {

using testing::logits_of;
using testing::TemporaryDirectory;

const std::filesystem::path kGoldens = VALENCE_TESTS_DIR "/parity/data/onnx";

/// The golden's model as an ONNX file beside its config.json.
class OnnxExport : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    auto loaded = testing::load_model_golden(kGoldens / (GetParam() + ".json"));
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    golden_ = std::move(*loaded);
    write_checkpoint(golden_.checkpoint, source_.path());
  }

  [[nodiscard]] Result<Model> written(OnnxWeightType type) {
    const Model model = load_model(source_.path()).value();
    auto image = export_onnx(model, type);
    if (!image) return tl::unexpected(image.error());
    target_.write("model.onnx", *image);
    target_.write("config.json", golden_.config_json);
    return load_model(target_.path());
  }

  testing::ModelGolden golden_;
  TemporaryDirectory source_;
  TemporaryDirectory target_;
};

TEST_P(OnnxExport, ReadBackItGivesTheSourcesLogitsToTheBit) {
  auto model = written(OnnxWeightType::kF32);
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(logits_of(std::move(*model), golden_.sequences),
            logits_of(load_model(source_.path()).value(), golden_.sequences));
}

TEST_P(OnnxExport, HalvesStayNearTheReference) {
  constexpr double kHalfParity = 1e-2;  // a half is off by at most 2^-11 of a weight
  auto model = written(OnnxWeightType::kF16);
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_LE(testing::relative_difference(logits_of(std::move(*model), golden_.sequences), golden_.sequences),
            kHalfParity);
}

TEST_P(OnnxExport, IntegersAreReadBackAsIntegers) {
  constexpr double kInt8Parity = 0.1;  // of random weights: an int8 is off by at most 1/254 of its row's largest
  auto model = written(OnnxWeightType::kInt8);
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(model->weights.embeddings.word.values.dtype, DType::kI8);
  EXPECT_EQ(model->weights.layers[0].output.weight.values.dtype, DType::kI8);
  EXPECT_LE(testing::relative_difference(logits_of(std::move(*model), golden_.sequences, Precision::kFp32),
                                         golden_.sequences),
            kInt8Parity);
}

INSTANTIATE_TEST_SUITE_P(Golden, OnnxExport,
                         ::testing::Values("bert_traced", "distilbert_traced", "electra_traced", "albert_traced",
                                           "bert_tokens_traced", "roberta_tokens_dynamo", "mpnet_traced",
                                           "deberta_v3_traced", "deberta_v2_own_projections_traced",
                                           "modernbert_mean_traced", "modernbert_biases_dynamo",
                                           "modernbert_tokens_traced", "llama_traced", "qwen3_dynamo", "mistral_dynamo",
                                           "nomic_bert_traced", "gte_dynamo"),
                         [](const auto& each) { return each.param; });

}  // namespace
}  // namespace valence
