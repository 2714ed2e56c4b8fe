#include "valence/model/arch/registry.h"
#include "valence/model/config_values.h"

namespace valence {
namespace {

/// Post-norm like BERT, but rotary positions and a gated feed-forward.
Status configure_rotary(const Json& config, ModelSpec& spec, double default_theta) {
  EncoderSpec& encoder = spec.encoder;
  encoder.has_position_table = false;
  encoder.gated = true;
  encoder.biases.ffn_in = false;
  VALENCE_TRY(encoder.head_dim, size_or(config, "head_dim", 0, 1, kMaxHiddenSize));
  VALENCE_TRY(const RotarySpec rotary, parse_rotary(config, default_theta));
  encoder.layer_attention.assign(static_cast<std::size_t>(encoder.num_hidden_layers), {.window = -1, .rotary = rotary});
  return {};
}

Status configure_nomic(const Json& config, ModelSpec& spec) {
  spec.encoder.biases.qkv = false;
  spec.encoder.biases.attention_output = false;
  spec.encoder.biases.ffn_out = false;
  return configure_rotary(config, spec, 1000);
}

Status configure_gte(const Json& config, ModelSpec& spec) { return configure_rotary(config, spec, 160000); }

// Names: transformers, models/nomic_bert/configuration_nomic_bert.py and NomicBertForSequenceClassification in
// modeling_nomic_bert.py.
constexpr Architecture kNomicBert{
    .model_type = "nomic_bert",
    .defaults = {.max_position_embeddings = 2048, .hidden_act = "silu"},
    .names = {.base_prefix = "nomic_bert.",
              .word_embeddings = "nomic_bert.embeddings.word_embeddings",
              .token_type_embeddings = "nomic_bert.embeddings.token_type_embeddings",
              .embeddings_norm = "nomic_bert.embeddings.LayerNorm",
              .head_dense = "nomic_bert.pooler.dense",
              .classifier = "classifier",
              .layers = "nomic_bert.layers",
              .query = "self_attn.q_proj",
              .key = "self_attn.k_proj",
              .value = "self_attn.v_proj",
              .attention_output = "self_attn.o_proj",
              .attention_norm = "post_attention_layernorm",
              .gate = "mlp.gate_proj",
              .intermediate = "mlp.up_proj",
              .output = "mlp.down_proj",
              .output_norm = "post_mlp_layernorm"},
    .configure = configure_nomic,
};

// The same but for its biases: models/gte/modeling_gte.py (gte-base-en-v1.5, gte-multilingual-base).
constexpr Architecture gte() {
  Architecture architecture = kNomicBert;
  architecture.model_type = "gte";
  architecture.defaults = {.max_position_embeddings = 8192, .type_vocab_size = 1, .least_type_vocab_size = 0};
  TensorNames& names = architecture.names;
  names.base_prefix = "gte.";
  names.word_embeddings = "gte.embeddings.word_embeddings";
  names.token_type_embeddings = "gte.embeddings.token_type_embeddings";
  names.embeddings_norm = "gte.embeddings.LayerNorm";
  names.head_dense = "gte.pooler.dense";
  names.layers = "gte.layers";
  architecture.configure = configure_gte;
  return architecture;
}

constexpr Architecture kGte = gte();

}  // namespace

const Architecture& nomic_bert_architecture() { return kNomicBert; }
const Architecture& gte_architecture() { return kGte; }

}  // namespace valence
