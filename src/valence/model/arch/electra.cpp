#include "valence/model/arch/registry.h"
#include "valence/model/config_values.h"

namespace valence {
namespace {

/// Small models have narrower tables: ElectraModel's embeddings_project.
Status configure(const Json& config, ModelSpec& spec) {
  constexpr std::int64_t kDefaultEmbeddingSize = 128;
  EncoderSpec& encoder = spec.encoder;
  VALENCE_TRY(const std::int64_t width, size_or(config, "embedding_size", kDefaultEmbeddingSize, 1, kMaxHiddenSize));
  if (width != encoder.hidden_size) encoder.embedding_size = width;
  return {};
}

// Names: transformers, models/electra/configuration_electra.py and ElectraForSequenceClassification in
// modeling_electra.py. The head's activation is gelu whatever hidden_act says.
constexpr Architecture kElectra{
    .model_type = "electra",
    .names = {.base_prefix = "electra.",
              .word_embeddings = "electra.embeddings.word_embeddings",
              .position_embeddings = "electra.embeddings.position_embeddings",
              .token_type_embeddings = "electra.embeddings.token_type_embeddings",
              .embeddings_norm = "electra.embeddings.LayerNorm",
              .embedding_projection = "electra.embeddings_project",
              .head_dense = "classifier.dense",
              .classifier = "classifier.out_proj",
              .layers = "electra.encoder.layer",
              .query = "attention.self.query",
              .key = "attention.self.key",
              .value = "attention.self.value",
              .attention_output = "attention.output.dense",
              .attention_norm = "attention.output.LayerNorm",
              .intermediate = "intermediate.dense",
              .output = "output.dense",
              .output_norm = "output.LayerNorm"},
    .head_dense_act = Activation::kGelu,
    .configure = configure,
};

}  // namespace

const Architecture& electra_architecture() { return kElectra; }

}  // namespace valence
