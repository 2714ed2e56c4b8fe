// Models with a LoRA adapter against PEFT (tools/make_adapter_goldens.py), and adapters that must be refused.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>

#include "parity/batched_logits.h"
#include "support/golden_logits.h"
#include "support/model_goldens.h"
#include "support/safetensors_image.h"
#include "support/temporary_directory.h"
#include "valence/base/file.h"
#include "valence/model/runner.h"

namespace valence {
namespace {

namespace fs = std::filesystem;

// W + s B A is rounded once here; PEFT adds two products.
constexpr double kAdapterParity = 1e-4;

fs::path data() { return fs::path(VALENCE_TESTS_DIR) / "parity/data"; }

std::vector<fs::path> adapters() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(data() / "adapter")) found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

/// The base model of an adapter, written into `folder`.
void write_base(const std::string& name, const fs::path& folder) {
  const auto golden = testing::load_model_golden(data() / "model" / (name + ".json"));
  ASSERT_TRUE(golden.has_value()) << golden.error().to_string();
  testing::write_checkpoint(golden->checkpoint, folder);
}

class Adapters : public ::testing::TestWithParam<fs::path> {};

TEST_P(Adapters, MergedGiveTheLogitsOfPeft) {
  const auto golden = testing::load_model_golden(GetParam() / "golden.json");
  ASSERT_TRUE(golden.has_value()) << golden.error().to_string();
  const testing::TemporaryDirectory folder;
  write_base(golden->base, folder.path());
  auto model = load_model(folder.path(), GetParam());
  ASSERT_TRUE(model.has_value()) << model.error().to_string();
  const auto runner = make_runner(std::move(*model), {.precision = Precision::kFp32});
  ASSERT_TRUE(runner.has_value()) << runner.error().to_string();
  const auto logits = testing::batched_logits(**runner, golden->sequences);
  const double difference = testing::relative_difference(logits, golden->sequences);
  std::size_t expected = 0;
  for (const auto& sequence : golden->sequences) expected += sequence.logits.size();
  EXPECT_EQ(logits.size(), expected);
  EXPECT_LE(difference, kAdapterParity);
  std::cout << golden->name << ": " << difference << '\n';
}

INSTANTIATE_TEST_SUITE_P(Golden, Adapters, ::testing::ValuesIn(adapters()),
                         [](const auto& each) { return each.param.filename().string(); });

/// A copy of an adapter over its base, to be damaged.
class DamagedAdapter : public ::testing::Test {
 protected:
  DamagedAdapter() {
    write_base("bert_tiny_gelu", base_.path());
    for (const auto& entry : fs::directory_iterator(data() / "adapter/bert_query_value")) {
      fs::copy_file(entry.path(), adapter_.path() / entry.path().filename());
    }
  }
  void edit_config(std::string_view from, std::string_view to) const {
    std::string text = read_file(adapter_.path() / "adapter_config.json", 1 << 20).value();
    const auto at = text.find(from);
    ASSERT_NE(at, std::string::npos);
    std::ofstream(adapter_.path() / "adapter_config.json") << text.replace(at, from.size(), to);
  }
  [[nodiscard]] Error refusal() const {
    const auto model = load_model(base_.path(), adapter_.path());
    EXPECT_FALSE(model.has_value());
    return model.has_value() ? Error(ErrorCode::kInternal, "", "accepted") : model.error();
  }
  testing::TemporaryDirectory base_, adapter_;
};

TEST_F(DamagedAdapter, OtherKindsAreRefusedByName) {
  edit_config(R"("peft_type": "LORA")", R"("peft_type": "IA3")");
  EXPECT_EQ(refusal().code(), ErrorCode::kUnsupported);
  EXPECT_NE(refusal().to_string().find("peft_type \"IA3\""), std::string::npos) << refusal().to_string();
}

TEST_F(DamagedAdapter, SettingsThatChangeTheArithmeticAreRefusedByName) {
  edit_config(R"("use_qalora": false)", R"("use_qalora": true)");
  EXPECT_NE(refusal().to_string().find("use_qalora is set"), std::string::npos) << refusal().to_string();
}

TEST_F(DamagedAdapter, InitialisersThatChangedTheBaseAreRefused) {
  edit_config(R"("init_lora_weights": false)", R"("init_lora_weights": "pissa_niter_16")");
  EXPECT_NE(refusal().to_string().find("pissa_niter_16"), std::string::npos) << refusal().to_string();
}

TEST_F(DamagedAdapter, InitialisersAreToldInAnyCase) {
  edit_config(R"("init_lora_weights": false)", R"("init_lora_weights": "OLoRA")");
  EXPECT_NE(refusal().to_string().find("OLoRA"), std::string::npos) << refusal().to_string();
}

TEST_F(DamagedAdapter, OtherTasksAreRefused) {
  edit_config(R"("task_type": "SEQ_CLS")", R"("task_type": "TOKEN_CLS")");
  EXPECT_NE(refusal().to_string().find("task_type \"TOKEN_CLS\""), std::string::npos) << refusal().to_string();
}

TEST_F(DamagedAdapter, ScaleBeyondFloatIsRefused) {
  edit_config(R"("lora_alpha": 16)", R"("lora_alpha": 1e300)");
  EXPECT_NE(refusal().to_string().find("lora_alpha makes no usable scale"), std::string::npos) << refusal().to_string();
}

/// The adapter's weights as tensors of f32.
std::vector<testing::ImageTensor> classifier_of(std::int64_t labels) {
  const auto floats = [](std::int64_t count) { return std::string(static_cast<std::size_t>(count) * 4, '\0'); };
  return {{"base_model.model.classifier.weight", "F32", {labels, 128}, floats(labels * 128)},
          {"base_model.model.classifier.bias", "F32", {labels}, floats(labels)}};
}

void write_weights(const std::vector<testing::ImageTensor>& tensors, const fs::path& folder) {
  std::ofstream(folder / "adapter_model.safetensors", std::ios::binary) << testing::image_of(tensors);
}

TEST_F(DamagedAdapter, BaseOfAnotherTypeIsRefused) {
  const fs::path path = base_.path() / "model.safetensors";
  std::string image = read_file(path, 1U << 24U).value();
  const std::string entry = R"("bert.encoder.layer.0.attention.self.query.weight":{"dtype":"F32")";
  const auto at = image.find(entry);
  ASSERT_NE(at, std::string::npos);
  std::ofstream(path, std::ios::binary) << image.replace(at + entry.size() - 4, 3, "I32");
  EXPECT_NE(refusal().to_string().find("which is I32 in the model"), std::string::npos) << refusal().to_string();
}

TEST_F(DamagedAdapter, ClassifierWithoutRowsIsRefused) {
  write_weights(classifier_of(0), adapter_.path());
  EXPECT_NE(refusal().to_string().find("the classifier has 0 rows"), std::string::npos) << refusal().to_string();
}

TEST_F(DamagedAdapter, OtherLabelsAreScoredByTheirNumber) {
  for (const auto& [labels, expected] :
       {std::pair{std::int64_t{1}, ProblemType::kMultiLabel}, {std::int64_t{3}, ProblemType::kSingleLabel}}) {
    write_weights(classifier_of(labels), adapter_.path());
    const auto model = load_model(base_.path(), adapter_.path());
    ASSERT_TRUE(model.has_value()) << model.error().to_string();
    EXPECT_EQ(model->spec.head.num_labels(), labels);
    EXPECT_EQ(model->spec.head.problem_type, expected);
  }
}

TEST_F(DamagedAdapter, AnotherBaseModelIsToldFromTheRightOne) {
  fs::remove_all(base_.path());
  fs::create_directory(base_.path());
  write_base("distilbert_tiny_relu", base_.path());
  const Error error = refusal();
  EXPECT_EQ(error.code(), ErrorCode::kInvalidData);
  EXPECT_NE(error.to_string().find("which the model does not have"), std::string::npos) << error.to_string();
}

TEST_F(DamagedAdapter, CutWeightsAreRefused) {
  fs::resize_file(adapter_.path() / "adapter_model.safetensors", 5000);
  EXPECT_EQ(refusal().code(), ErrorCode::kInvalidData);
}

TEST_F(DamagedAdapter, PickledWeightsAreRefusedWithTheWayToConvert) {
  fs::rename(adapter_.path() / "adapter_model.safetensors", adapter_.path() / "adapter_model.bin");
  EXPECT_NE(refusal().to_string().find("save_pretrained"), std::string::npos) << refusal().to_string();
}

TEST_F(DamagedAdapter, DirectoryWithoutAnAdapterIsNamed) {
  fs::remove(adapter_.path() / "adapter_config.json");
  EXPECT_EQ(refusal().code(), ErrorCode::kNotFound);
  EXPECT_NE(refusal().to_string().find("adapter_config.json"), std::string::npos);
}

}  // namespace
}  // namespace valence
