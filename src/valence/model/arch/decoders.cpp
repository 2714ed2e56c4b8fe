// Decoders with a `score` head: the last token has seen the whole text, and is classified.
#include <fmt/format.h>

#include <string>

#include "valence/model/arch/registry.h"
#include "valence/model/config_values.h"

namespace valence {
namespace {

/// GenericForSequenceClassification of transformers 5, modeling_layers.py. Padding at the end of a text is not its end.
Status configure_head(const Json& config, ModelSpec& spec) {
  spec.head.pooling = Pooling::kLast;
  spec.head.has_dense = false;
  spec.head.classifier_bias = spec.saved_by.ends_with("ForTokenClassification");
  VALENCE_TRY(const std::int64_t padding, config.integer_or("pad_token_id", -1));
  if (padding >= -1 && padding <= kMaxVocabSize) spec.encoder.padding_id = static_cast<std::int32_t>(padding);
  return {};
}

void make_decoder(EncoderSpec& encoder) {
  encoder.causal = true;
  encoder.norm_placement = NormPlacement::kPre;
  encoder.embedding_norm = false;
  encoder.final_norm = true;
}

/// What Llama and its relatives share: RMS norms, rotary positions, a gated feed-forward, fewer key and value heads.
Status configure_llama(const Json& config, ModelSpec& spec) {
  EncoderSpec& encoder = spec.encoder;
  make_decoder(encoder);
  encoder.norm_kind = NormKind::kRmsNorm;
  encoder.has_position_table = false;
  encoder.gated = true;
  encoder.biases = {.qkv = false, .attention_output = false, .ffn_in = false, .ffn_out = false, .norm = false};
  VALENCE_TRY(encoder.num_key_value_heads,
              size_or(config, "num_key_value_heads", encoder.num_attention_heads, 1, kMaxHiddenSize));
  VALENCE_TRY(encoder.head_dim, size_or(config, "head_dim", 0, 1, kMaxHiddenSize));
  VALENCE_TRY(const RotarySpec rotary, parse_rotary(config, 10000));
  encoder.layer_attention.assign(static_cast<std::size_t>(encoder.num_hidden_layers), {.window = -1, .rotary = rotary});
  return configure_head(config, spec);
}

Status configure_biases(const Json& config, Biases& biases) {
  VALENCE_TRY(biases.qkv, config.boolean_or("attention_bias", false));
  biases.attention_output = biases.qkv;
  VALENCE_TRY(biases.ffn_in, config.boolean_or("mlp_bias", false));
  biases.ffn_out = biases.ffn_in;
  return {};
}

/// Layers that see a window only: those that `layer_types` names so, or all from `first` on.
Status configure_windows(const Json& config, std::int64_t first, EncoderSpec& encoder) {
  if (!config.find("sliding_window")) return {};
  VALENCE_TRY(const std::int64_t window, size_between(config, "sliding_window", 1, kMaxPositions));
  std::vector<bool> full;
  if (const auto types = config.find("layer_types")) {
    VALENCE_TRY(full, parse_layer_types(*types, encoder.num_hidden_layers));
  } else {
    for (std::int64_t i = 0; i < encoder.num_hidden_layers; ++i) full.push_back(i < first);
  }
  for (std::size_t i = 0; i < full.size(); ++i) {
    if (!full[i]) encoder.layer_attention[i].window = window - 1;  // itself counts
  }
  return {};
}

Status configure_plain_llama(const Json& config, ModelSpec& spec) {
  VALENCE_TRY_STATUS(configure_llama(config, spec));
  return configure_biases(config, spec.encoder.biases);
}

Status configure_mistral(const Json& config, ModelSpec& spec) {
  constexpr std::int64_t kDefaultWindow = 4096;  // where the key is absent; null is none
  VALENCE_TRY_STATUS(configure_llama(config, spec));
  if (!config.at("sliding_window")) {
    for (LayerAttention& layer : spec.encoder.layer_attention) layer.window = kDefaultWindow - 1;
    return {};
  }
  return configure_windows(config, 0, spec.encoder);
}

Status configure_qwen_windows(const Json& config, EncoderSpec& encoder) {
  VALENCE_TRY(const bool slides, config.boolean_or("use_sliding_window", false));
  if (!slides) return {};
  VALENCE_TRY(const std::int64_t first, size_or(config, "max_window_layers", 28, 0, kMaxLayers));
  return configure_windows(config, first, encoder);
}

Status configure_qwen2(const Json& config, ModelSpec& spec) {
  VALENCE_TRY_STATUS(configure_llama(config, spec));
  spec.encoder.biases.qkv = true;
  return configure_qwen_windows(config, spec.encoder);
}

Status configure_qwen3(const Json& config, ModelSpec& spec) {
  constexpr std::int64_t kDefaultHeadDim = 128;
  VALENCE_TRY_STATUS(configure_llama(config, spec));
  VALENCE_TRY_STATUS(configure_biases(config, spec.encoder.biases));
  if (spec.encoder.head_dim == 0) spec.encoder.head_dim = kDefaultHeadDim;
  spec.encoder.head_norms = true;
  return configure_qwen_windows(config, spec.encoder);
}

// Names: transformers, models/llama/configuration_llama.py and modeling_llama.py; Mistral and Qwen have the same.
constexpr Architecture kLlama{
    .model_type = "llama",
    .keys = {.type_vocab_size = "", .layer_norm_eps = "rms_norm_eps"},
    .defaults = {.max_position_embeddings = 2048, .hidden_act = "silu", .layer_norm_eps = 1e-6},
    .names = {.base_prefix = "model.",
              .word_embeddings = "model.embed_tokens",
              .final_norm = "model.norm",
              .classifier = "score",
              .layers = "model.layers",
              .query = "self_attn.q_proj",
              .key = "self_attn.k_proj",
              .value = "self_attn.v_proj",
              .query_norm = "self_attn.q_norm",
              .key_norm = "self_attn.k_norm",
              .attention_output = "self_attn.o_proj",
              .attention_norm = "input_layernorm",
              .gate = "mlp.gate_proj",
              .intermediate = "mlp.up_proj",
              .output = "mlp.down_proj",
              .output_norm = "post_attention_layernorm"},
    .token_classifier = "score",
    .configure = configure_plain_llama,
};

constexpr Architecture like_llama(std::string_view model_type, Status (*configure)(const Json&, ModelSpec&),
                                  std::int64_t max_position_embeddings) {
  Architecture architecture = kLlama;
  architecture.model_type = model_type;
  architecture.configure = configure;
  architecture.defaults.max_position_embeddings = max_position_embeddings;
  return architecture;
}

constexpr Architecture kMistral = like_llama("mistral", configure_mistral, 131072);
constexpr Architecture kQwen2 = like_llama("qwen2", configure_qwen2, 32768);
constexpr Architecture kQwen3 = like_llama("qwen3", configure_qwen3, 32768);

Status configure_gpt2(const Json& config, ModelSpec& spec) {
  EncoderSpec& encoder = spec.encoder;
  make_decoder(encoder);
  VALENCE_TRY(encoder.intermediate_size, size_or(config, "n_inner", 4 * encoder.hidden_size, 1, kMaxIntermediateSize));
  if (encoder.intermediate_size > kMaxIntermediateSize) {
    return config.invalid(
        fmt::format("n_embd {}: four times that is more than {}", encoder.hidden_size, kMaxIntermediateSize));
  }
  VALENCE_TRY(const bool scaled, config.boolean_or("scale_attn_weights", true));
  VALENCE_TRY(const bool by_layer, config.boolean_or("scale_attn_by_inverse_layer_idx", false));
  if (!scaled) return unsupported(config, "scale_attn_weights false: only true is supported");
  if (by_layer) return unsupported(config, "scale_attn_by_inverse_layer_idx true: only false is supported");
  return configure_head(config, spec);
}

// Names: transformers, models/gpt2/configuration_gpt2.py and modeling_gpt2.py. Its linear layers are Conv1D modules,
// which store [inputs, outputs].
constexpr Architecture kGpt2{
    .model_type = "gpt2",
    .keys = {.hidden_size = "n_embd",
             .num_hidden_layers = "n_layer",
             .num_attention_heads = "n_head",
             .intermediate_size = "",
             .max_position_embeddings = "n_positions",
             .type_vocab_size = "",
             .hidden_act = "activation_function",
             .layer_norm_eps = "layer_norm_epsilon"},
    .defaults = {.max_position_embeddings = 1024, .hidden_act = "gelu_new", .layer_norm_eps = 1e-5},
    .names = {.base_prefix = "transformer.",
              .word_embeddings = "transformer.wte",
              .position_embeddings = "transformer.wpe",
              .final_norm = "transformer.ln_f",
              .classifier = "score",
              .layers = "transformer.h",
              .qkv = "attn.c_attn",
              .attention_output = "attn.c_proj",
              .attention_norm = "ln_1",
              .intermediate = "mlp.c_fc",
              .output = "mlp.c_proj",
              .output_norm = "ln_2"},
    .transposed_linears = true,
    .configure = configure_gpt2,
};

}  // namespace

const Architecture& llama_architecture() { return kLlama; }
const Architecture& mistral_architecture() { return kMistral; }
const Architecture& qwen2_architecture() { return kQwen2; }
const Architecture& qwen3_architecture() { return kQwen3; }
const Architecture& gpt2_architecture() { return kGpt2; }

}  // namespace valence
