#include "valence/model/arch/registry.h"

namespace valence {

// Names: transformers, models/distilbert/configuration_distilbert.py and DistilBertForSequenceClassification in
// modeling_distilbert.py: no token types, no pooler but a pre-classifier with ReLU, epsilon fixed at 1e-12.
const Architecture& distilbert_architecture() {
  static constexpr Architecture kDistilBert{
      .model_type = "distilbert",
      .keys = {.vocab_size = "vocab_size",
               .hidden_size = "dim",
               .num_hidden_layers = "n_layers",
               .num_attention_heads = "n_heads",
               .intermediate_size = "hidden_dim",
               .max_position_embeddings = "max_position_embeddings",
               .type_vocab_size = "",
               .hidden_act = "activation",
               .layer_norm_eps = ""},
      .names = {.base_prefix = "distilbert.",
                .word_embeddings = "distilbert.embeddings.word_embeddings",
                .position_embeddings = "distilbert.embeddings.position_embeddings",
                .token_type_embeddings = "",
                .embeddings_norm = "distilbert.embeddings.LayerNorm",
                .head_dense = "pre_classifier",
                .classifier = "classifier",
                .layers = "distilbert.transformer.layer",
                .query = "attention.q_lin",
                .key = "attention.k_lin",
                .value = "attention.v_lin",
                .attention_output = "attention.out_lin",
                .attention_norm = "sa_layer_norm",
                .intermediate = "ffn.lin1",
                .output = "ffn.lin2",
                .output_norm = "output_layer_norm"},
      .head_dense_act = Activation::kRelu,
  };
  return kDistilBert;
}

}  // namespace valence
