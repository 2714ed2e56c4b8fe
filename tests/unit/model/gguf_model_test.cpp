#include "valence/model/gguf_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "support/gguf_image.h"
#include "support/golden_logits.h"
#include "support/model_goldens.h"
#include "support/safetensors_image.h"
#include "support/temporary_directory.h"
#include "valence/model/model.h"

namespace valence {
namespace {

using testing::GgufImage;
using testing::logits_of;
using testing::ModelGolden;
using testing::TemporaryDirectory;

const std::filesystem::path kGoldens = VALENCE_TESTS_DIR "/parity/data/gguf";

// The project's promise for f32: largest difference of any logit over the largest absolute logit of the golden.
constexpr double kF32RelativeParity = 5e-5;

class GgufParity : public ::testing::TestWithParam<std::string> {};

TEST_P(GgufParity, LogitsAreThoseOfTheReferenceWithTheWeightsAsDequantised) {
  const auto golden = testing::load_model_golden(kGoldens / (GetParam() + ".json"));
  ASSERT_TRUE(golden) << golden.error().to_string();
  auto model = load_model(kGoldens / (GetParam() + ".gguf"));
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_TRUE(model->weights.unused.empty());
  const auto logits = logits_of(std::move(*model), golden->sequences);
  const double difference = testing::relative_difference(logits, golden->sequences);
  EXPECT_LE(difference, kF32RelativeParity);
  RecordProperty("relative_difference", std::to_string(difference));
}

std::vector<std::string> golden_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kGoldens)) {
    if (entry.path().extension() == ".gguf") names.push_back(entry.path().stem().string());
  }
  std::ranges::sort(names);
  return names;
}

INSTANTIATE_TEST_SUITE_P(Golden, GgufParity, ::testing::ValuesIn(golden_names()),
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
  EXPECT_TRUE(says(refusal(image), "valence.head.activation \"swish2\": expected one of gelu, gelu_new"));
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
  EXPECT_TRUE(says(with([](auto& m) { m.set_string("general.architecture", "t5"); }),
                   "\"t5\": expected one of bert, modern-bert"));
  EXPECT_TRUE(says(with([](auto& m) { m.remove("general.architecture"); }), "no key \"general.architecture\""));
  EXPECT_TRUE(says(with([](auto& m) { m.set_bool("bert.attention.causal", true); }),
                   "bert.attention.causal is true: an encoder whose"));
  EXPECT_TRUE(says(with([](auto& m) { m.set_u32("bert.pooling_type", 1); }), "bert.pooling_type 1 (mean)"));
  EXPECT_EQ(with([](auto& m) { m.set_u32("bert.pooling_type", 2); }), "accepted");
  EXPECT_EQ(with([](auto& m) { m.set_u32("bert.pooling_type", 4); }), "accepted");
  EXPECT_TRUE(says(with([](auto& m) { m.set_u32("split.count", 3); }), "is one of the 3 parts of a model"));
}

TEST(GgufModel, OtherKeysAndValuesThatWouldChangeTheComputationAreRefused) {
  const auto with = [](auto change) {
    GgufImage image = tiny_bert();
    change(image);
    return refusal(image);
  };
  EXPECT_TRUE(says(with([](auto& m) { m.set_u32("bert.pooling_type", 9); }), "bert.pooling_type 9: expected 0 (none)"));
  EXPECT_TRUE(says(with([](auto& m) { m.set_string("valence.head.pooling", "max"); }),
                   "valence.head.pooling \"max\": expected \"cls\" or \"none\""));
  EXPECT_TRUE(says(with([](auto& m) { m.set_f32("bert.attention.max_alibi_bias", 8); }),
                   "bert.attention.max_alibi_bias is 8: only 0 is built in"));
  EXPECT_TRUE(says(with([](auto& m) { m.set_u32("bert.expert_count", 4); }), "bert.expert_count is 4"));
  EXPECT_EQ(with([](auto& m) { m.set_u32("bert.expert_count", 0); }), "accepted");
}

TEST(GgufModel, ARobertaHasLostTheFirstPositionsOrStillHasThem) {
  GgufImage cut = tiny_bert();
  cut.set_string("tokenizer.ggml.model", "gpt2");
  cut.set_u32("tokenizer.ggml.padding_token_id", 1);
  auto model = load(cut);
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(model->spec.model_type, "roberta");
  EXPECT_EQ(model->spec.encoder.first_position, 0);
  EXPECT_EQ(model->spec.encoder.max_sequence_length(), 2);
  GgufImage whole = cut;
  whole.set_f32_tensor("position_embd.weight", {4, 2}, std::vector<float>(8));
  model = load(whole);
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(model->spec.encoder.first_position, 2);
  EXPECT_EQ(model->spec.encoder.max_sequence_length(), 2);
  GgufImage neither = cut;
  neither.set_f32_tensor("position_embd.weight", {5, 2}, std::vector<float>(10));
  EXPECT_TRUE(says(refusal(neither), "position_embd.weight\" has shape [5, 2], expected [2, 2]"));
}

TEST(GgufModel, ATokenClassifierHasNoDenseLayer) {
  GgufImage image = tiny_bert();
  image.remove_tensor("cls.weight");
  image.remove_tensor("cls.bias");
  image.set_string("valence.head.pooling", "none");
  const auto model = load(image);
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(model->spec.head.pooling, Pooling::kNone);
  EXPECT_FALSE(model->weights.head_dense.has_value());
}

/// A Llama of one layer, two heads that share a key and value, and weights that tell their place.
GgufImage tiny_llama() {
  constexpr std::int64_t kHidden = 8;
  GgufImage image;
  image.set_string("general.architecture", "llama");
  image.set_u32("llama.embedding_length", kHidden);
  image.set_u32("llama.attention.head_count", 2);
  image.set_u32("llama.attention.head_count_kv", 1);
  image.set_u32("llama.context_length", 16);
  image.set_u32("llama.block_count", 1);
  image.set_u32("llama.feed_forward_length", 4);
  image.set_f32("llama.attention.layer_norm_rms_epsilon", 1e-5F);
  image.set_strings("tokenizer.ggml.tokens", {"a", "b"});
  const auto tensor = [&](const std::string& name, const std::vector<std::int64_t>& shape) {
    std::int64_t elements = 1;
    for (const auto extent : shape) elements *= extent;
    std::vector<float> values(static_cast<std::size_t>(elements));
    std::iota(values.begin(), values.end(), 0.0F);
    image.set_f32_tensor(name + ".weight", shape, values);
  };
  tensor("token_embd", {2, kHidden});
  tensor("output_norm", {kHidden});
  tensor("blk.0.attn_norm", {kHidden});
  tensor("blk.0.attn_q", {kHidden, kHidden});
  tensor("blk.0.attn_k", {4, kHidden});
  tensor("blk.0.attn_v", {4, kHidden});
  tensor("blk.0.attn_output", {kHidden, kHidden});
  tensor("blk.0.ffn_norm", {kHidden});
  tensor("blk.0.ffn_gate", {4, kHidden});
  tensor("blk.0.ffn_up", {4, kHidden});
  tensor("blk.0.ffn_down", {kHidden, 4});
  tensor("cls.output", {3, kHidden});
  return image;
}

TEST(GgufModel, QueriesAndKeysOfLlamaAreReadInTheOrderBeforeConversion) {
  const auto model = load(tiny_llama());
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(model->spec.head.pooling, Pooling::kLast);
  EXPECT_EQ(model->spec.encoder.key_value_heads(), 1);
  const LayerWeights& layer = model->weights.layers[0];
  const auto first_of = [](const LinearWeights& linear, std::int64_t row) {
    std::vector<float> values(8);
    copy_row_as_f32(linear.weight, row, values);
    return values[0];
  };
  // Heads of four rows: conversion put rows 0, 2, 1, 3 where 0, 1, 2, 3 would be.
  EXPECT_EQ(first_of(layer.query, 1), 2 * 8);
  EXPECT_EQ(first_of(layer.query, 2), 1 * 8);
  EXPECT_EQ(first_of(layer.query, 6), 5 * 8);
  EXPECT_EQ(first_of(layer.key, 1), 2 * 8);
  EXPECT_EQ(first_of(layer.value, 1), 1 * 8);
}

TEST(GgufModel, ADecodersHeadMayBeCalledOtherwise) {
  GgufImage image = tiny_llama();
  image.rename_tensor("cls.output.weight", "score.weight");
  EXPECT_EQ(refusal(image), "accepted");
  image.remove_tensor("score.weight");
  EXPECT_TRUE(says(refusal(image), "it is a language model that writes text"));
}

TEST(GgufModel, WhatALlamaFileMayNotSayIsRefused) {
  const auto with = [](auto change) {
    GgufImage image = tiny_llama();
    change(image);
    return refusal(image);
  };
  EXPECT_TRUE(says(with([](auto& m) { m.set_bool("llama.attention.causal", false); }), "a decoder whose tokens see"));
  EXPECT_TRUE(says(with([](auto& m) { m.set_u32("llama.pooling_type", 1); }),
                   "llama.pooling_type 1 (mean): the classification head of llama reads the last token"));
  EXPECT_EQ(with([](auto& m) { m.set_u32("llama.pooling_type", 3); }), "accepted");
  EXPECT_TRUE(says(with([](auto& m) { m.set_u32("llama.rope.dimension_count", 2); }), "rope.dimension_count"));
  EXPECT_TRUE(says(with([](auto& m) { m.set_u32("llama.attention.value_length", 8); }), "attention.value_length"));
  EXPECT_TRUE(says(with([](auto& m) { m.set_string("llama.rope.scaling.type", "yarn"); }),
                   "llama.rope.scaling.type: \"yarn\": expected \"none\" or \"linear\""));
  EXPECT_TRUE(says(with([](auto& m) { m.set_string("llama.rope.scaling.type", "linear"); }),
                   "no key \"llama.rope.scaling.factor\""));
  EXPECT_TRUE(says(with([](auto& m) { m.set_i32s("llama.attention.head_count_kv", {}); }), "is an empty array"));
  EXPECT_TRUE(says(with([](auto& m) { m.set_i32s("llama.attention.head_count_kv", {1, 2}); }), "differs by layer"));
  EXPECT_EQ(with([](auto& m) { m.set_i32s("llama.attention.head_count_kv", {1, 1}); }), "accepted");
  const auto factors = [](std::vector<float> values) {
    GgufImage image = tiny_llama();
    image.set_f32_tensor("rope_freqs.weight", {static_cast<std::int64_t>(values.size())}, values);
    return refusal(image);
  };
  EXPECT_EQ(factors({1, 8}), "accepted");
  EXPECT_TRUE(says(factors({1, 8, 8}), "\"rope_freqs.weight\" is F32 [3], expected F32 [2]"));
  EXPECT_TRUE(says(factors({1, 0}), "holds a factor that is not above 0"));
}

TEST(GgufModel, WindowsOfSomeLayersAreAPeriodOrAList) {
  GgufImage image = tiny_llama();
  image.set_u32("llama.attention.sliding_window", 5);
  auto model = load(image);
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(model->spec.model_type, "mistral");
  EXPECT_EQ(model->spec.encoder.layer_attention[0].window, 4) << "the token itself counts";
  image.set("llama.attention.sliding_window_pattern", 9, testing::u32_bytes(7) + testing::u64_bytes(1) + '\0');
  model = load(image);
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(model->spec.encoder.layer_attention[0].window, -1);
  image.set("llama.attention.sliding_window_pattern", 9, testing::u32_bytes(7) + testing::u64_bytes(2) + "\1\1");
  EXPECT_TRUE(says(refusal(image), "has 2 elements, but there are 1 layers"));
  image.set_u32("llama.attention.sliding_window_pattern", 1);
  model = load(image);
  ASSERT_TRUE(model) << model.error().to_string();
  EXPECT_EQ(model->spec.encoder.layer_attention[0].window, -1) << "the last of each period sees all";
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
