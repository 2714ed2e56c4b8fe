// What each architecture's config.json may not say. Every message names the file, the field, its value and what is
// expected in its place. BERT's own fields, which all of them share, are in config_test.cpp.
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "valence/model/config.h"

namespace valence {
namespace {

/// `more` stands after the members that every family of the model needs; one that it repeats takes their place.
std::string config_of(std::string_view model_type, std::string_view more) {
  const bool is_gpt2 = model_type == "gpt2";
  const std::pair<std::string_view, std::string_view> needed[] = {
      {"vocab_size", "30"},
      {is_gpt2 ? "n_embd" : "hidden_size", "16"},
      {is_gpt2 ? "n_layer" : "num_hidden_layers", "2"},
      {is_gpt2 ? "n_head" : "num_attention_heads", "4"},
      {is_gpt2 ? "n_inner" : "intermediate_size", "24"},
  };
  std::string text = R"({"model_type": ")" + std::string(model_type) + '"';
  for (const auto& [key, value] : needed) {
    if (more.find('"' + std::string(key) + '"') != more.npos) continue;
    text += ", \"" + std::string(key) + "\": " + std::string(value);
  }
  if (!more.empty()) text += ", " + std::string(more);
  return text + "}";
}

struct Refusal {
  std::string_view more;
  std::string_view message;  ///< after "config.json: "
};

void expect_refusals(std::string_view model_type, const std::vector<Refusal>& refusals) {
  const auto parsed = [&](std::string_view more) -> Result<ModelSpec> {
    VALENCE_TRY(const Json json, Json::parse(config_of(model_type, more), "config.json"));
    return parse_config(json);
  };
  const auto plain = parsed("");
  EXPECT_TRUE(plain) << plain.error().to_string();
  for (const auto& [more, message] : refusals) {
    const auto spec = parsed(more);
    EXPECT_EQ(spec ? "accepted" : spec.error().to_string(), "config.json: " + std::string(message) + '.')
        << model_type << ": " << more;
  }
}

TEST(ConfigRefusals, Roberta) {
  for (const std::string_view family : {"roberta", "xlm-roberta", "camembert"}) {
    expect_refusals(family,
                    {{R"("pad_token_id": -1)", "pad_token_id: expected an integer from 0 to 16777216, found -1"},
                     {R"("pad_token_id": "<pad>")", "pad_token_id: expected an integer, found string \"<pad>\""},
                     {R"("max_position_embeddings": 2)",
                      "max_position_embeddings 2 leaves no position for text: the first has number 2"},
                     {R"("type_vocab_size": 0)", "type_vocab_size: expected an integer from 1 to 65536, found 0"}});
  }
}

TEST(ConfigRefusals, Electra) {
  expect_refusals("electra",
                  {{R"("embedding_size": 0)", "embedding_size: expected an integer from 1 to 65536, found 0"},
                   {R"("embedding_size": "128")", "embedding_size: expected an integer, found string \"128\""}});
}

TEST(ConfigRefusals, Albert) {
  expect_refusals("albert",
                  {{R"("embedding_size": 65537)", "embedding_size: expected an integer from 1 to 65536, found 65537"},
                   {R"("num_hidden_groups": 0)", "num_hidden_groups: expected an integer from 1 to 1024, found 0"},
                   {R"("inner_group_num": -1)", "inner_group_num: expected an integer from 1 to 1024, found -1"},
                   {R"("num_hidden_layers": 3, "num_hidden_groups": 2)",
                    "num_hidden_layers 3 is not a multiple of num_hidden_groups 2"},
                   {R"("num_hidden_layers": 1024, "inner_group_num": 2)",
                    "num_hidden_layers 1024 times inner_group_num 2: expected at most 1024 layers"},
                   {R"("hidden_act": "mish")",
                    "hidden_act \"mish\": expected one of gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh"}});
}

TEST(ConfigRefusals, Mpnet) {
  expect_refusals("mpnet", {{R"("relative_attention_num_buckets": 31)",
                             "relative_attention_num_buckets: expected an integer from 32 to 1048576, found 31"},
                            {R"("relative_attention_num_buckets": true)",
                             "relative_attention_num_buckets: expected an integer, found boolean true"},
                            {R"("max_position_embeddings": 2)",
                             "max_position_embeddings 2 leaves no position for text: the first has number 2"}});
}

TEST(ConfigRefusals, DebertaV2) {
  const std::string relative = R"("relative_attention": true, )";
  const std::vector<std::string> with_relative = {
      relative + R"("pos_att_type": ["c2p", "p2p"])",
      relative + R"("max_relative_positions": 1048577)",
      relative + R"("position_buckets": 1048577)",
      relative + R"("position_buckets": 3)",
      relative + R"("position_buckets": 256, "max_relative_positions": 129)",
      relative + R"("pos_att_type": 5)",
      relative + R"("share_att_key": "yes")",
      relative + R"("norm_rel_ebd": [1])"};
  expect_refusals(
      "deberta-v2",
      {{R"("relative_attention": 1)", "relative_attention: expected true or false, found number 1"},
       {R"("pos_att_type": "c2p|p2c")", "pos_att_type \"c2p\": expected none where relative_attention is not true"},
       {with_relative[0], "pos_att_type \"p2p\": expected c2p or p2c"},
       {with_relative[1], "max_relative_positions 1048577: expected at most 1048576"},
       {with_relative[2], "position_buckets 1048577: expected at most 1048576"},
       {with_relative[3],
        "position_buckets 3 of max_relative_positions 512: expected at least 4 buckets, and more positions than half "
        "of them and one"},
       {with_relative[4],
        "position_buckets 256 of max_relative_positions 129: expected at least 4 buckets, and more positions than half "
        "of them and one"},
       {with_relative[5], "pos_att_type: expected a string, found number 5"},
       {with_relative[6], "share_att_key: expected true or false, found string \"yes\""},
       {with_relative[7], "norm_rel_ebd.0: expected a string, found number 1"},
       {R"("position_biased_input": "no")", "position_biased_input: expected true or false, found string \"no\""},
       {R"("embedding_size": 8)", "embedding_size 8: only hidden_size, 16, is supported"},
       {R"("conv_kernel_size": 65)", "conv_kernel_size: expected an integer from 0 to 63, found 65"},
       {R"("conv_kernel_size": 4)", "conv_kernel_size 4: expected an odd number"},
       {R"("conv_kernel_size": 3, "conv_groups": 2)", "conv_groups 2: only 1 is supported"},
       {R"("conv_kernel_size": 3, "num_hidden_layers": 1)",
        "conv_kernel_size 3: expected 0 in a model of num_hidden_layers 1"},
       {R"("conv_kernel_size": 3, "conv_act": "mish")",
        "conv_act \"mish\": expected one of gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh"},
       {R"("pooler_hidden_size": 8)", "pooler_hidden_size 8: expected hidden_size, 16"},
       {R"("pooler_hidden_act": "mish")",
        "pooler_hidden_act \"mish\": expected one of gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh"},
       {R"("type_vocab_size": -1)", "type_vocab_size: expected an integer from 0 to 65536, found -1"}});
}

TEST(ConfigRefusals, ModernBert) {
  expect_refusals(
      "modernbert",
      {{R"("global_attn_every_n_layers": 0)",
        "global_attn_every_n_layers: expected an integer from 1 to 1024, found 0"},
       {R"("layer_types": ["full_attention"])", "layer_types: names 1 layers, but num_hidden_layers is 2"},
       {R"("layer_types": ["full_attention", "chunked_attention"])",
        "layer_types.1: \"chunked_attention\": expected full_attention or sliding_attention"},
       {R"("layer_types": "full_attention")", "layer_types: expected an array, found string \"full_attention\""},
       {R"("global_rope_theta": 0)", "global_rope_theta 0: expected a number above 0"},
       {R"("local_rope_theta": -1)", "local_rope_theta -1: expected a number above 0"},
       {R"("rope_parameters": {"sliding_attention": {"rope_type": "yarn"}})",
        "rope_parameters.sliding_attention: rope_type \"yarn\": expected one of default, linear, llama3"},
       {R"("rope_parameters": {"full_attention": {"rope_theta": 0}})",
        "rope_parameters.full_attention: rope_theta 0: expected a number above 0"},
       {R"("rope_parameters": "default")", "rope_parameters: expected an object, found string \"default\""},
       {R"("rope_parameters": {"full_attention": 5})",
        "rope_parameters.full_attention: expected an object, found number 5"},
       {R"("rope_scaling": {"type": "dynamic"})",
        "rope_scaling: rope_type \"dynamic\": expected one of default, linear, llama3"},
       {R"("local_attention": 0)", "local_attention: expected an integer from 1 to 1048576, found 0"},
       {R"("attention_bias": 0)", "attention_bias: expected true or false, found number 0"},
       {R"("mlp_bias": "")", "mlp_bias: expected true or false, found string \"\""},
       {R"("norm_bias": [])", "norm_bias: expected true or false, found array []"},
       {R"("classifier_pooling": "max")", "classifier_pooling \"max\": expected cls or mean"},
       {R"("classifier_activation": "mish")",
        "classifier_activation \"mish\": expected one of gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh"},
       {R"("classifier_bias": 1)", "classifier_bias: expected true or false, found number 1"},
       {R"("hidden_activation": "glu")",
        "hidden_activation \"glu\": expected one of gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh"},
       {R"("norm_eps": 1)", "norm_eps 1: expected a number between 0 and 1"},
       {R"("num_attention_heads": 16)",
        "attention heads of 1 dimensions: expected an even number, for rotary positions turn pairs"}});
}

TEST(ConfigRefusals, NomicBertAndGte) {
  for (const std::string_view family : {"nomic_bert", "gte"}) {
    expect_refusals(family,
                    {{R"("head_dim": 0)", "head_dim: expected an integer from 1 to 65536, found 0"},
                     {R"("head_dim": 5)",
                      "attention heads of 5 dimensions: expected an even number, for rotary positions turn pairs"},
                     {R"("head_dim": 32768)",
                      "num_attention_heads 4 of head_dim 32768: expected at most 65536 dimensions together"},
                     {R"("rope_theta": "1000")", "rope_theta: expected a number, found string \"1000\""},
                     {R"("rope_scaling": {"type": "ntk", "factor": 2})",
                      "rope_scaling: rope_type \"ntk\": expected one of default, linear, llama3"},
                     {R"("hidden_size": 18)", "hidden_size 18 is not a multiple of num_attention_heads 4"},
                     {R"("max_position_embeddings": 0)",
                      "max_position_embeddings: expected an integer from 1 to 1048576, found 0"}});
  }
}

TEST(ConfigRefusals, Gpt2) {
  expect_refusals(
      "gpt2",
      {{R"("n_inner": 0)", "n_inner: expected an integer from 1 to 131072, found 0"},
       {R"("n_inner": null, "n_embd": 32772)", "n_embd 32772: four times that is more than 131072"},
       {R"("scale_attn_weights": false)", "scale_attn_weights false: only true is supported"},
       {R"("scale_attn_by_inverse_layer_idx": true)", "scale_attn_by_inverse_layer_idx true: only false is supported"},
       {R"("add_cross_attention": true)",
        "add_cross_attention is true: cross-attention and decoders of this family are not supported"},
       {R"("pad_token_id": "<pad>")", "pad_token_id: expected an integer, found string \"<pad>\""},
       {R"("n_embd": 18)", "n_embd 18 is not a multiple of n_head 4"},
       {R"("n_positions": 0)", "n_positions: expected an integer from 1 to 1048576, found 0"},
       {R"("layer_norm_epsilon": 2)", "layer_norm_epsilon 2: expected a number between 0 and 1"},
       {R"("activation_function": "mish")",
        "activation_function \"mish\": expected one of gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh"}});
}

/// What Llama shares with Mistral and Qwen.
const std::vector<Refusal> kLlamaRefusals = {
    {R"("num_key_value_heads": 0)", "num_key_value_heads: expected an integer from 1 to 65536, found 0"},
    {R"("num_key_value_heads": 3)", "num_attention_heads 4 is not a multiple of num_key_value_heads 3"},
    {R"("num_key_value_heads": 8)", "num_attention_heads 4 is not a multiple of num_key_value_heads 8"},
    {R"("head_dim": -2)", "head_dim: expected an integer from 1 to 65536, found -2"},
    {R"("head_dim": 3)", "attention heads of 3 dimensions: expected an even number, for rotary positions turn pairs"},
    {R"("rms_norm_eps": 0)", "rms_norm_eps 0: expected a number between 0 and 1"},
    {R"("hidden_act": "swiglu")",
     "hidden_act \"swiglu\": expected one of gelu, gelu_new, gelu_pytorch_tanh, relu, silu, tanh"},
    {R"("rope_theta": 0)", "rope_theta 0: expected a number above 0"},
    {R"("rope_scaling": "linear")", "rope_scaling: expected an object, found string \"linear\""},
    {R"("rope_scaling": {"rope_type": 1})", "rope_scaling.rope_type: expected a string, found number 1"},
    {R"("rope_scaling": {"rope_type": "yarn", "factor": 4})",
     "rope_scaling: rope_type \"yarn\": expected one of default, linear, llama3"},
    {R"("rope_scaling": {"type": "linear"})", "rope_scaling: the required key \"factor\" is missing"},
    {R"("rope_scaling": {"type": "linear", "factor": 0.5})", "rope_scaling: factor 0.5: expected at least 1"},
    {R"("rope_parameters": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 0})",
     "rope_parameters: low_freq_factor 0: expected a number above 0"},
    {R"("rope_parameters": {"rope_type": "llama3", "factor": 8, "low_freq_factor": 4, "high_freq_factor": 1})",
     "rope_parameters: high_freq_factor 1: expected more than low_freq_factor, 4"},
    {R"("rope_parameters": {"rope_type": "llama3", "factor": 8, "original_max_position_embeddings": -1})",
     "rope_parameters: original_max_position_embeddings -1: expected a number above 0"},
    {R"("rope_parameters": {"partial_rotary_factor": 0.5})",
     "rope_parameters: partial_rotary_factor 0.5: only 1 is supported"},
    {R"("pad_token_id": 1.5)", "pad_token_id: expected an integer, found number 1.5"},
    {R"("vocab_size": 16777217)", "vocab_size: expected an integer from 1 to 16777216, found 16777217"},
};

TEST(ConfigRefusals, WhatLlamaSharesWithItsRelatives) {
  for (const std::string_view family : {"llama", "mistral", "qwen2", "qwen3"}) expect_refusals(family, kLlamaRefusals);
}

TEST(ConfigRefusals, LlamaAndQwen3Biases) {
  for (const std::string_view family : {"llama", "qwen3"}) {
    expect_refusals(family, {{R"("attention_bias": 1)", "attention_bias: expected true or false, found number 1"},
                             {R"("mlp_bias": null, "attention_bias": "")",
                              "attention_bias: expected true or false, found string \"\""},
                             {R"("mlp_bias": {})", "mlp_bias: expected true or false, found object {}"}});
  }
}

TEST(ConfigRefusals, MistralWindows) {
  expect_refusals("mistral",
                  {{R"("sliding_window": 0)", "sliding_window: expected an integer from 1 to 1048576, found 0"},
                   {R"("sliding_window": 8, "layer_types": ["sliding_attention"])",
                    "layer_types: names 1 layers, but num_hidden_layers is 2"}});
}

TEST(ConfigRefusals, QwenWindows) {
  for (const std::string_view family : {"qwen2", "qwen3"}) {
    expect_refusals(
        family, {{R"("use_sliding_window": "on")", "use_sliding_window: expected true or false, found string \"on\""},
                 {R"("use_sliding_window": true, "max_window_layers": -1)",
                  "max_window_layers: expected an integer from 0 to 1024, found -1"},
                 {R"("use_sliding_window": true, "sliding_window": -4)",
                  "sliding_window: expected an integer from 1 to 1048576, found -4"},
                 {R"("use_sliding_window": true, "sliding_window": 4, "layer_types": [1, 2])",
                  "layer_types.0: expected a string, found number 1"}});
  }
}

}  // namespace
}  // namespace valence
