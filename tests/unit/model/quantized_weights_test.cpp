#include "valence/model/quantized_weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <memory>
#include <string>

#include "support/random_checkpoint.h"
#include "support/safetensors_image.h"

namespace valence {
namespace {

using testing::as_bytes;
using testing::random_bert;
using testing::RandomCheckpoint;
using testing::WeightFormat;

/// A model and the image its views point into.
struct Loaded {
  explicit Loaded(const RandomCheckpoint& checkpoint)
      : image(image_of(checkpoint)), model(load_model(checkpoint.config_json, as_bytes(image), "m").value()) {}
  std::string image;
  Model model;
};

std::vector<float> floats_of(const TensorView& view) {
  std::vector<float> values(static_cast<std::size_t>(view.elements()));
  copy_as_f32(view, values);
  return values;
}

constexpr std::string_view kLayer = ".encoder.layer.";

TEST(QuantizedWeights, EveryMatrixIsInt8WithinHalfAScaleAndEveryVectorIsUntouched) {
  const RandomCheckpoint checkpoint = random_bert();
  const Loaded loaded(checkpoint);
  auto weights = QuantizedWeights::make(loaded.model);
  ASSERT_TRUE(weights) << weights.error().to_string();
  const TensorTable table = weights->tensors(plan_with_kept(2, {}));
  std::size_t matrices = 0;
  for (const auto& tensor : checkpoint.tensors) {
    const std::vector<float> expected = values_of(tensor, checkpoint);
    const TensorView& stored = table.at(tensor.name);
    EXPECT_EQ(stored.shape, tensor.shape) << tensor.name;
    if (tensor.shape.size() != 2) {
      EXPECT_EQ(stored.dtype, DType::kF32) << tensor.name;
      EXPECT_EQ(floats_of(stored), expected) << tensor.name;
      continue;
    }
    ++matrices;
    ASSERT_EQ(stored.dtype, DType::kI8) << tensor.name;
    const std::vector<float> quantised = floats_of(stored);
    const std::vector<float> scales = floats_of(table.at(tensor.name + "_scale"));
    ASSERT_EQ(scales.size(), static_cast<std::size_t>(tensor.shape[0]));
    const auto columns = static_cast<std::size_t>(tensor.shape[1]);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double scale = scales[i / columns];
      EXPECT_LE(std::fabs(expected[i] - quantised[i] * scale), scale * 0.50002) << tensor.name << ' ' << i;
    }
  }
  EXPECT_EQ(table.size(), checkpoint.tensors.size() + matrices);
}

TEST(QuantizedWeights, WhatIsWrittenIsAModelAgain) {
  const RandomCheckpoint checkpoint = random_bert();
  const Loaded loaded(checkpoint);
  auto weights = QuantizedWeights::make(loaded.model).value();
  for (const std::vector<std::int64_t>& kept : {std::vector<std::int64_t>{}, {0}, {0, 1}}) {
    const auto model = load_model(checkpoint.config_json,
                                  Checkpoint::from_tensors(weights.tensors(plan_with_kept(2, kept)), "written"));
    ASSERT_TRUE(model) << model.error().to_string();
    EXPECT_TRUE(model->weights.unused.empty());
  }
}

TEST(QuantizedWeights, KeptLayersAreHalvesAndOnlyThey) {
  const Loaded loaded(random_bert());
  auto weights = QuantizedWeights::make(loaded.model).value();
  for (const auto& [name, view] : weights.tensors(plan_with_kept(2, {1}))) {
    if (view.shape.size() != 2) continue;
    const bool is_kept = name.find(std::string(kLayer) + "1.") != std::string::npos;
    EXPECT_EQ(view.dtype, is_kept ? DType::kF16 : DType::kI8) << name;
    if (!is_kept) continue;
    const auto halves = floats_of(view);
    const auto source = floats_of(*loaded.model.checkpoint.find(name));
    for (std::size_t i = 0; i < source.size(); ++i) {
      EXPECT_NEAR(halves[i], source[i], std::fabs(source[i]) * 0x1p-11 + 0x1p-25) << name;
    }
  }
}

TEST(QuantizedWeights, AMatrixBeyondTheRangeOfHalvesIsKeptInF32) {
  RandomCheckpoint checkpoint = random_bert();
  const std::string name = "bert.encoder.layer.1.output.dense.weight";
  for (auto& tensor : checkpoint.tensors) {
    if (tensor.name == name) tensor.std = 1e6;
  }
  const Loaded loaded(checkpoint);
  auto weights = QuantizedWeights::make(loaded.model).value();
  const TensorTable table = weights.tensors(plan_with_kept(2, {1}));
  EXPECT_EQ(table.at(name).dtype, DType::kF32);
  EXPECT_EQ(table.at("bert.encoder.layer.1.intermediate.dense.weight").dtype, DType::kF16);
}

TEST(QuantizedWeights, SixteenBitSourcesAreKeptAsTheyAre) {
  RandomCheckpoint checkpoint = random_bert();
  checkpoint.format = WeightFormat::kBF16;
  const Loaded loaded(checkpoint);
  auto weights = QuantizedWeights::make(loaded.model).value();
  const TensorTable table = weights.tensors(plan_with_kept(2, {0}));
  EXPECT_EQ(table.at("bert.encoder.layer.0.output.dense.weight").dtype, DType::kBF16);
  EXPECT_EQ(table.at("bert.encoder.layer.0.output.dense.bias").dtype, DType::kF32);
}

TEST(QuantizedWeights, AModelThatIsInt8AlreadyIsRefused) {
  RandomCheckpoint checkpoint = random_bert();
  checkpoint.format = WeightFormat::kI8;
  const Loaded loaded(checkpoint);
  const auto weights = QuantizedWeights::make(loaded.model);
  ASSERT_FALSE(weights);
  EXPECT_EQ(weights.error().code(), ErrorCode::kInvalidArgument);
  EXPECT_NE(weights.error().to_string().find("is int8 already"), std::string::npos);
}

TEST(QuantizedWeights, AWeightThatIsNoNumberIsNamed) {
  Loaded loaded(random_bert());
  const auto view = loaded.model.checkpoint.find("classifier.weight");
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const auto offset = reinterpret_cast<const char*>(view->bytes.data()) - loaded.image.data();
  std::memcpy(loaded.image.data() + offset + 8 * sizeof nan, &nan, sizeof nan);  // row 1: rows have 8 columns
  const auto weights = QuantizedWeights::make(loaded.model);
  ASSERT_FALSE(weights);
  EXPECT_NE(weights.error().to_string().find("\"classifier.weight\" holds a weight in row 1"), std::string::npos)
      << weights.error().to_string();
}

}  // namespace
}  // namespace valence
