#include "valence/model/arch/gguf_bert.h"

namespace valence {
namespace {

// Names: gguf-py's constants.py and tensor_mapping.py, MODEL_ARCH.BERT. GGUF has no key for the activation of the
// feed-forward blocks, which llama.cpp takes to be gelu.
constexpr Architecture kBert{
    .model_type = "bert",
    .keys = {.vocab_size = "tokenizer.ggml.tokens",
             .hidden_size = "bert.embedding_length",
             .num_hidden_layers = "bert.block_count",
             .num_attention_heads = "bert.attention.head_count",
             .intermediate_size = "bert.feed_forward_length",
             .max_position_embeddings = "bert.context_length",
             .type_vocab_size = "tokenizer.ggml.token_type_count",
             .hidden_act = "valence.hidden_act",
             .layer_norm_eps = "bert.attention.layer_norm_epsilon",
             .labels = "bert.classifier.output_labels"},
    .names = {.base_prefix = "",
              .word_embeddings = "token_embd",
              .position_embeddings = "position_embd",
              .token_type_embeddings = "token_types",
              .embeddings_norm = "token_embd_norm",
              .head_dense = "cls",
              .classifier = "cls.output",
              .layers = "blk",
              .query = "attn_q",
              .key = "attn_k",
              .value = "attn_v",
              .attention_output = "attn_output",
              .attention_norm = "attn_output_norm",
              .intermediate = "ffn_up",
              .output = "ffn_down",
              .output_norm = "layer_output_norm"},
    .head_dense_act = Activation::kTanh,
    .settings = "the metadata",
};

constexpr Architecture without_token_types(Architecture architecture) {
  architecture.model_type = "distilbert";
  architecture.keys.type_vocab_size = "";
  architecture.names.token_type_embeddings = "";
  architecture.head_dense_act = Activation::kRelu;
  return architecture;
}

constexpr Architecture kDistilBert = without_token_types(kBert);

}  // namespace

const Architecture& gguf_bert() { return kBert; }
const Architecture& gguf_distilbert() { return kDistilBert; }

}  // namespace valence
