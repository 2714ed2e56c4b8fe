#include "valence/model/gguf_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <string>
#include <vector>

#include "support/gguf_image.h"
#include "support/model_goldens.h"
#include "support/safetensors_image.h"
#include "support/temporary_directory.h"
#include "valence/model/model.h"
#include "valence/model/runner.h"

namespace valence {
namespace {

using testing::GgufImage;
using testing::ModelGolden;
using testing::TemporaryDirectory;

const std::filesystem::path kGoldens = VALENCE_TESTS_DIR "/parity/data/gguf";

// The project's promise for f32: largest difference of any logit over the largest absolute logit of the golden.
constexpr double kF32RelativeParity = 5e-5;

std::vector<float> logits_of(Model model, const std::vector<testing::GoldenSequence>& sequences) {
  const bool has_types = model.spec.encoder.type_vocab_size > 0;
  const auto runner = make_runner(std::move(model)).value();
  const auto workspace = runner->make_workspace();
  std::vector<float> all;
  for (const auto& sequence : sequences) {
    std::vector<std::int32_t> positions(sequence.input_ids.size());
    std::iota(positions.begin(), positions.end(), 0);
    const auto length = static_cast<std::int32_t>(sequence.input_ids.size());
    const std::vector<std::int32_t> cu_seqlens = {0, length};
    const std::span<const std::int32_t> types = sequence.token_type_ids;
    std::vector<float> logits(sequence.logits.size());
    const auto ran = runner->run({.input_ids = sequence.input_ids,
                                  .token_type_ids = has_types ? types : std::span<const std::int32_t>(),
                                  .position_ids = positions,
                                  .cu_seqlens = cu_seqlens,
                                  .max_seqlen = length},
                                 *workspace, logits);
    EXPECT_TRUE(ran.has_value());
    all.insert(all.end(), logits.begin(), logits.end());
  }
  return all;
}

class GgufParity : public ::testing::TestWithParam<std::string> {};

TEST_P(GgufParity, LogitsAreThoseOfTheReferenceWithTheWeightsAsDequantised) {
  const auto golden = testing::load_model_golden(kGoldens / (GetParam() + ".json"));
  ASSERT_TRUE(golden) << golden.error().to_string();
  auto model = load_model(kGoldens / (GetParam() + ".gguf"));
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_TRUE(model->weights.unused.empty());
  const auto logits = logits_of(std::move(*model), golden->sequences);
  double largest = 0;
  double difference = 0;
  std::size_t at = 0;
  for (const auto& sequence : golden->sequences) {
    for (const float expected : sequence.logits) {
      largest = std::max(largest, static_cast<double>(std::abs(expected)));
      difference = std::max(difference, std::abs(static_cast<double>(expected) - logits[at++]));
    }
  }
  EXPECT_LE(difference, kF32RelativeParity * largest);
  RecordProperty("relative_difference", std::to_string(difference / largest));
}

INSTANTIATE_TEST_SUITE_P(Golden, GgufParity,
                         ::testing::Values("bert_f32", "bert_f16", "bert_blocks", "distilbert_q8_0"),
                         [](const auto& each) { return each.param; });

TEST(GgufModel, F32WeightsGiveTheLogitsOfTheSafetensorsFormToTheBit) {
  const auto golden = testing::load_model_golden(kGoldens / "bert_f32.json");
  ASSERT_TRUE(golden) << golden.error().to_string();
  const TemporaryDirectory folder;
  write_checkpoint(golden->checkpoint, folder.path());
  auto safetensors = load_model(folder.path());
  ASSERT_TRUE(safetensors) << safetensors.error().to_string();
  auto gguf = load_model(kGoldens / "bert_f32.gguf");
  ASSERT_TRUE(gguf) << gguf.error().to_string();
  EXPECT_EQ(gguf->spec.head.labels, safetensors->spec.head.labels);
  EXPECT_EQ(gguf->spec.encoder.layer_norm_eps, safetensors->spec.encoder.layer_norm_eps);
  EXPECT_EQ(logits_of(std::move(*gguf), golden->sequences), logits_of(std::move(*safetensors), golden->sequences));
}

TEST(GgufModel, TwelveLabelsKeepTheirOrder) {
  const auto model = load_model(kGoldens / "bert_f16.gguf");
  ASSERT_TRUE(model) << model.error().to_string();
  ASSERT_EQ(model->spec.head.labels.size(), 12U);
  EXPECT_EQ(model->spec.head.labels[2], "label c");
  EXPECT_EQ(model->spec.head.labels[11], "label l");
}

/// A BERT of two tokens, one layer and two labels, all weights zero.
GgufImage tiny_bert() {
  constexpr std::int64_t kHidden = 2;
  constexpr std::int64_t kIntermediate = 4;
  GgufImage image;
  image.set_string("general.architecture", "bert");
  for (const auto* key : {"bert.embedding_length", "bert.attention.head_count", "bert.context_length"}) {
    image.set_u32(key, kHidden);
  }
  image.set_u32("bert.block_count", 1);
  image.set_u32("bert.feed_forward_length", kIntermediate);
  image.set_f32("bert.attention.layer_norm_epsilon", 1e-12F);
  image.set_u32("tokenizer.ggml.token_type_count", 2);
  image.set_strings("tokenizer.ggml.tokens", {"a", "b", "c"});
  const auto tensor = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    std::int64_t elements = 1;
    for (const auto extent : shape) elements *= extent;
    image.set_f32_tensor(name, shape, std::vector<float>(static_cast<std::size_t>(elements)));
  };
  const auto linear = [&](const std::string& name, std::int64_t rows, std::int64_t columns) {
    tensor(name + ".weight", {rows, columns});
    tensor(name + ".bias", {rows});
  };
  const auto norm = [&](const std::string& name) {
    tensor(name + ".weight", {kHidden});
    tensor(name + ".bias", {kHidden});
  };
  tensor("token_embd.weight", {3, kHidden});
  tensor("position_embd.weight", {2, kHidden});
  tensor("token_types.weight", {2, kHidden});
  norm("token_embd_norm");
  for (const auto* name : {"blk.0.attn_q", "blk.0.attn_k", "blk.0.attn_v", "blk.0.attn_output"}) {
    linear(name, kHidden, kHidden);
  }
  norm("blk.0.attn_output_norm");
  linear("blk.0.ffn_up", kIntermediate, kHidden);
  linear("blk.0.ffn_down", kHidden, kIntermediate);
  norm("blk.0.layer_output_norm");
  linear("cls", kHidden, kHidden);
  linear("cls.output", 3, kHidden);
  return image;
}

Result<Model> load(const GgufImage& image) {
  const TemporaryDirectory folder;
  return load_model(folder.write("m.gguf", image.bytes()));
}

std::string refusal(const GgufImage& image) {
  const auto model = load(image);
  return model ? "accepted" : model.error().to_string();
}

::testing::AssertionResult says(const std::string& refused, std::string_view words) {
  if (refused.find(words) != std::string::npos) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << "expected " << words << ", found " << refused;
}

TEST(GgufModel, WithoutLabelsTheyAreNumberedAndScoresAreSoftmax) {
  const auto model = load(tiny_bert());
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(model->spec.head.labels, (std::vector<std::string>{"LABEL_0", "LABEL_1", "LABEL_2"}));
  EXPECT_EQ(model->spec.head.problem_type, ProblemType::kSingleLabel);
  EXPECT_EQ(model->spec.head.dense_act, Activation::kTanh);
  EXPECT_EQ(model->spec.model_type, "bert");
  EXPECT_EQ(model->spec.encoder.vocab_size, 3);
  EXPECT_EQ(model->spec.encoder.type_vocab_size, 2);
}

TEST(GgufModel, OwnKeysSayWhatGgufHasNoKeyFor) {
  GgufImage image = tiny_bert();
  image.set_string("valence.problem_type", "multi_label_classification");
  image.set_string("valence.hidden_act", "gelu_new");
  image.set_string("valence.head.activation", "relu");
  const auto model = load(image);
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(model->spec.head.problem_type, ProblemType::kMultiLabel);
  EXPECT_EQ(model->spec.encoder.hidden_act, Activation::kGeluTanh);
  EXPECT_EQ(model->spec.head.dense_act, Activation::kRelu);
  image.set_string("valence.head.activation", "swish2");
  EXPECT_TRUE(says(refusal(image), "valence.head.activation: \"swish2\": expected one of tanh, relu, gelu"));
}

TEST(GgufModel, AFileWithoutTokenTypesIsADistilBert) {
  GgufImage image = tiny_bert();
  image.remove_tensor("token_types.weight");
  const auto model = load(image);
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(model->spec.model_type, "distilbert");
  EXPECT_EQ(model->spec.head.dense_act, Activation::kRelu);
}

TEST(GgufModel, ALostPoolerIsRefusedWithTheReason) {
  GgufImage with_labels = tiny_bert();
  with_labels.remove_tensor("cls.weight");
  with_labels.remove_tensor("cls.bias");
  EXPECT_TRUE(says(refusal(with_labels), "lost its pooler, bert.pooler.dense, in conversion"));
  EXPECT_TRUE(says(refusal(with_labels), "give the Hugging Face directory that this file was converted from"));
  GgufImage without_labels = with_labels;  // then the converter calls the classifier cls
  without_labels.rename_tensor("cls.output.weight", "cls.weight");
  without_labels.rename_tensor("cls.output.bias", "cls.bias");
  EXPECT_TRUE(says(refusal(without_labels),
                   "lost its pooler, bert.pooler.dense, in conversion: cls.weight has the "
                   "classifier's shape [3, 2]"));
}

TEST(GgufModel, AnEncoderWithoutAHeadIsRefused) {
  GgufImage image = tiny_bert();
  for (const auto* name : {"cls.weight", "cls.bias", "cls.output.weight", "cls.output.bias"}) image.remove_tensor(name);
  EXPECT_TRUE(says(refusal(image), "has no classification head"));
  GgufImage dense_only = tiny_bert();
  dense_only.remove_tensor("cls.output.weight");
  EXPECT_TRUE(says(refusal(dense_only), "no cls.output.weight, the classifier"));
}

TEST(GgufModel, FusedAttentionIsDividedIntoItsParts) {
  GgufImage image = tiny_bert();
  for (const auto* name : {"blk.0.attn_q", "blk.0.attn_k", "blk.0.attn_v"}) {
    image.remove_tensor(std::string(name) + ".weight");
    image.remove_tensor(std::string(name) + ".bias");
  }
  std::vector<float> weight(12);
  std::iota(weight.begin(), weight.end(), 0.0F);
  image.set_f32_tensor("blk.0.attn_qkv.weight", {6, 2}, weight);
  image.set_f32_tensor("blk.0.attn_qkv.bias", {6}, std::vector<float>{0, 1, 2, 3, 4, 5});
  const auto model = load(image);
  ASSERT_TRUE(model) << model.error().to_string();
  std::vector<float> row(2);
  copy_row_as_f32(model->weights.layers[0].key.weight, 1, row);
  EXPECT_EQ(row, (std::vector<float>{6, 7}));
  copy_as_f32(*model->weights.layers[0].value.bias, row);
  EXPECT_EQ(row, (std::vector<float>{4, 5}));
}

TEST(GgufModel, ShapesAreCheckedInTheFilesOwnWords) {
  GgufImage image = tiny_bert();
  image.set_u32("bert.feed_forward_length", 5);
  EXPECT_TRUE(says(refusal(image),
                   "blk.0.ffn_up.weight\" has shape [4, 2], expected [5, 2]: the metadata has "
                   "bert.feed_forward_length 5"));
  GgufImage labels = tiny_bert();
  labels.set_strings("bert.classifier.output_labels", {"no", "yes"});
  EXPECT_TRUE(says(refusal(labels), "the metadata has 2 labels but cls.output.weight has 3 rows"));
  GgufImage layers = tiny_bert();
  layers.set_u32("bert.block_count", 1'000'000'000);
  EXPECT_TRUE(says(refusal(layers), "bert.block_count: expected an integer from 1 to 1024, found 1000000000"));
  GgufImage missing = tiny_bert();
  missing.remove("bert.embedding_length");
  EXPECT_TRUE(says(refusal(missing), "the metadata has no key \"bert.embedding_length\""));
}

TEST(GgufModel, WhatMeansAnotherComputationIsRefused) {
  const auto with = [](auto change) {
    GgufImage image = tiny_bert();
    change(image);
    return refusal(image);
  };
  EXPECT_TRUE(
      says(with([](auto& m) { m.set_string("general.architecture", "llama"); }), "\"llama\": expected \"bert\""));
  EXPECT_TRUE(says(with([](auto& m) { m.remove("general.architecture"); }), "no key \"general.architecture\""));
  EXPECT_TRUE(says(with([](auto& m) { m.set_bool("bert.attention.causal", true); }), "decoders are not supported"));
  EXPECT_TRUE(says(with([](auto& m) { m.set_u32("bert.pooling_type", 1); }), "bert.pooling_type 1 (mean)"));
  EXPECT_EQ(with([](auto& m) { m.set_u32("bert.pooling_type", 2); }), "accepted");
  EXPECT_EQ(with([](auto& m) { m.set_u32("bert.pooling_type", 4); }), "accepted");
  EXPECT_TRUE(says(with([](auto& m) { m.set_u32("split.count", 3); }), "is one of the 3 parts of a model"));
}

TEST(FindGguf, ADirectoryWithOneFileIsThatFile) {
  const TemporaryDirectory folder;
  EXPECT_EQ(*find_gguf(folder.path()), std::nullopt);
  const auto one = folder.write("a.gguf", tiny_bert().bytes());
  EXPECT_EQ(*find_gguf(folder.path()), one);
  EXPECT_EQ(*find_gguf(one), one);
  EXPECT_TRUE(load_model(folder.path()));
  folder.write("b.gguf", "");
  EXPECT_TRUE(says(find_gguf(folder.path()).error().to_string(), "holds 2 GGUF files: a.gguf, b.gguf"));
  folder.write("model.safetensors", "");
  EXPECT_EQ(*find_gguf(folder.path()), std::nullopt) << "safetensors come first";
}

}  // namespace
}  // namespace valence
