#include "valence/model/arch/registry.h"

namespace valence {

// Names: transformers, models/bert/configuration_bert.py and BertForSequenceClassification in modeling_bert.py. The
// pooler is part of the base model there, and its activation is tanh whatever hidden_act says.
const Architecture& bert_architecture() {
  static constexpr Architecture kBert{
      .model_type = "bert",
      .keys = {.vocab_size = "vocab_size",
               .hidden_size = "hidden_size",
               .num_hidden_layers = "num_hidden_layers",
               .num_attention_heads = "num_attention_heads",
               .intermediate_size = "intermediate_size",
               .max_position_embeddings = "max_position_embeddings",
               .type_vocab_size = "type_vocab_size",
               .hidden_act = "hidden_act",
               .layer_norm_eps = "layer_norm_eps"},
      .names = {.base_prefix = "bert.",
                .word_embeddings = "bert.embeddings.word_embeddings",
                .position_embeddings = "bert.embeddings.position_embeddings",
                .token_type_embeddings = "bert.embeddings.token_type_embeddings",
                .embeddings_norm = "bert.embeddings.LayerNorm",
                .head_dense = "bert.pooler.dense",
                .classifier = "classifier",
                .layers = "bert.encoder.layer",
                .query = "attention.self.query",
                .key = "attention.self.key",
                .value = "attention.self.value",
                .attention_output = "attention.output.dense",
                .attention_norm = "attention.output.LayerNorm",
                .intermediate = "intermediate.dense",
                .output = "output.dense",
                .output_norm = "output.LayerNorm"},
      .head_dense_act = Activation::kTanh,
  };
  return kBert;
}

}  // namespace valence
