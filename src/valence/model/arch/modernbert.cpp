#include <fmt/format.h>

#include <optional>
#include <string>

#include "valence/model/arch/registry.h"
#include "valence/model/config_values.h"

namespace valence {
namespace {

/// Whether each layer sees the whole text, or a window. Before transformers 5 only every n-th did.
Result<std::vector<bool>> full_attention_layers(const Json& config, std::int64_t layers) {
  if (const auto types = config.find("layer_types")) return parse_layer_types(*types, layers);
  VALENCE_TRY(const std::int64_t every, size_or(config, "global_attn_every_n_layers", 3, 1, kMaxLayers));
  std::vector<bool> full;
  for (std::int64_t i = 0; i < layers; ++i) full.push_back(i % every == 0);
  return full;
}

/// Rotary parameters of one kind of layer: in `rope_parameters` since transformers 5, in keys of their own before.
Result<RotarySpec> rotary_of(const Json& config, std::string_view kind, std::string_view theta_key, double fallback) {
  VALENCE_TRY(const double theta, positive_or(config, theta_key, fallback));
  if (const auto parameters = config.find("rope_parameters")) {
    VALENCE_TRY_STATUS(expect_object(*parameters));
    if (const auto own = parameters->find(kind)) return parse_rotary_parameters(*own, theta);
  } else if (const auto scaling = config.find("rope_scaling")) {
    return parse_rotary_parameters(*scaling, theta);
  }
  RotarySpec rotary;
  rotary.theta = theta;
  return rotary;
}

Status configure_attention(const Json& config, EncoderSpec& encoder) {
  VALENCE_TRY(const auto full, full_attention_layers(config, encoder.num_hidden_layers));
  VALENCE_TRY(const RotarySpec global, rotary_of(config, "full_attention", "global_rope_theta", 160000));
  VALENCE_TRY(const RotarySpec local, rotary_of(config, "sliding_attention", "local_rope_theta", 10000));
  VALENCE_TRY(const std::int64_t window, size_or(config, "local_attention", 128, 1, kMaxPositions));
  for (const bool sees_all : full) {
    encoder.layer_attention.push_back({sees_all ? -1 : window / 2, sees_all ? global : local});
  }
  return {};
}

Status configure(const Json& config, ModelSpec& spec) {
  EncoderSpec& encoder = spec.encoder;
  encoder.has_position_table = false;
  encoder.norm_placement = NormPlacement::kPre;
  encoder.first_attention_norm = false;
  encoder.final_norm = true;
  encoder.gated = true;
  VALENCE_TRY_STATUS(configure_attention(config, encoder));
  Biases& biases = encoder.biases;
  VALENCE_TRY(biases.qkv, config.boolean_or("attention_bias", false));
  biases.attention_output = biases.qkv;
  VALENCE_TRY(biases.ffn_in, config.boolean_or("mlp_bias", false));
  biases.ffn_out = biases.ffn_in;
  VALENCE_TRY(biases.norm, config.boolean_or("norm_bias", false));
  HeadSpec& head = spec.head;
  VALENCE_TRY(const std::string pooling, config.string_or("classifier_pooling", "cls"));
  if (pooling != "cls" && pooling != "mean") {
    return config.invalid(fmt::format("classifier_pooling {}: expected cls or mean", in_quotes(pooling)));
  }
  head.pooling = pooling == "cls" ? Pooling::kFirst : Pooling::kMean;
  VALENCE_TRY(head.dense_act, activation_or(config, "classifier_activation", "gelu"));
  VALENCE_TRY(head.dense_bias, config.boolean_or("classifier_bias", false));
  head.dense_norm = true;
  return {};
}

// Names: transformers, models/modernbert/configuration_modernbert.py and ModernBertForSequenceClassification in
// modeling_modernbert.py.
constexpr Architecture kModernBert{
    .model_type = "modernbert",
    .keys = {.type_vocab_size = "", .hidden_act = "hidden_activation", .layer_norm_eps = "norm_eps"},
    .defaults = {.max_position_embeddings = 8192, .layer_norm_eps = 1e-5},
    .names = {.base_prefix = "model.",
              .word_embeddings = "model.embeddings.tok_embeddings",
              .embeddings_norm = "model.embeddings.norm",
              .final_norm = "model.final_norm",
              .head_dense = "head.dense",
              .head_norm = "head.norm",
              .classifier = "classifier",
              .layers = "model.layers",
              .qkv = "attn.Wqkv",
              .attention_output = "attn.Wo",
              .attention_norm = "attn_norm",
              .gate_intermediate = "mlp.Wi",
              .output = "mlp.Wo",
              .output_norm = "mlp_norm"},
    .configure = configure,
};

}  // namespace

const Architecture& modernbert_architecture() { return kModernBert; }

}  // namespace valence
