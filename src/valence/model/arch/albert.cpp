#include <fmt/format.h>

#include "valence/model/arch/registry.h"
#include "valence/model/config_values.h"

namespace valence {
namespace {

/// Tables are narrower than the layers, and layers share their parameters in groups: AlbertTransformer.
Status configure(const Json& config, ModelSpec& spec) {
  constexpr std::int64_t kDefaultEmbeddingSize = 128;
  EncoderSpec& encoder = spec.encoder;
  // The projection is there even where it would not change the width.
  VALENCE_TRY(encoder.embedding_size, size_or(config, "embedding_size", kDefaultEmbeddingSize, 1, kMaxHiddenSize));
  const std::int64_t runs = encoder.num_hidden_layers;
  VALENCE_TRY(encoder.layer_groups, size_or(config, "num_hidden_groups", 1, 1, kMaxLayers));
  VALENCE_TRY(encoder.layers_in_group, size_or(config, "inner_group_num", 1, 1, kMaxLayers));
  if (runs % encoder.layer_groups != 0) {
    return config.invalid(
        fmt::format("num_hidden_layers {} is not a multiple of num_hidden_groups {}", runs, encoder.layer_groups));
  }
  if (runs * encoder.layers_in_group > kMaxLayers) {
    return config.invalid(fmt::format("num_hidden_layers {} times inner_group_num {}: expected at most {} layers", runs,
                                      encoder.layers_in_group, kMaxLayers));
  }
  encoder.num_hidden_layers = runs * encoder.layers_in_group;
  return {};
}

std::string layer_module(const ModelSpec& spec, std::int64_t index) {
  const EncoderSpec& encoder = spec.encoder;
  const std::int64_t runs = encoder.num_hidden_layers / encoder.layers_in_group;
  const std::int64_t group = index / encoder.layers_in_group / (runs / encoder.layer_groups);
  return fmt::format("albert.encoder.albert_layer_groups.{}.albert_layers.{}", group, index % encoder.layers_in_group);
}

// Names: transformers, models/albert/configuration_albert.py and AlbertForSequenceClassification in modeling_albert.py.
// The pooler is part of the base model; its activation is tanh.
constexpr Architecture kAlbert{
    .model_type = "albert",
    .defaults = {.hidden_act = "gelu_new"},
    .names = {.base_prefix = "albert.",
              .word_embeddings = "albert.embeddings.word_embeddings",
              .position_embeddings = "albert.embeddings.position_embeddings",
              .token_type_embeddings = "albert.embeddings.token_type_embeddings",
              .embeddings_norm = "albert.embeddings.LayerNorm",
              .embedding_projection = "albert.encoder.embedding_hidden_mapping_in",
              .head_dense = "albert.pooler",
              .classifier = "classifier",
              .layers = "albert.encoder.albert_layer_groups",
              .query = "attention.query",
              .key = "attention.key",
              .value = "attention.value",
              .attention_output = "attention.dense",
              .attention_norm = "attention.LayerNorm",
              .intermediate = "ffn",
              .output = "ffn_output",
              .output_norm = "full_layer_layer_norm"},
    .configure = configure,
    .layer_module = layer_module,
};

}  // namespace

const Architecture& albert_architecture() { return kAlbert; }

}  // namespace valence
