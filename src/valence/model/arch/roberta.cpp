#include "valence/model/arch/registry.h"
#include "valence/model/config_values.h"

namespace valence {
namespace {

/// Positions count from padding_idx + 1, and skip tokens that are padding: RobertaEmbeddings,
/// create_position_ids_from_input_ids.
Status configure(const Json& config, ModelSpec& spec) {
  constexpr std::int64_t kDefaultPadding = 1;
  VALENCE_TRY(const std::int64_t padding, size_or(config, "pad_token_id", kDefaultPadding, 0, kMaxVocabSize));
  spec.encoder.padding_id = static_cast<std::int32_t>(padding);
  spec.encoder.first_position = padding + 1;
  return {};
}

// Names: transformers, models/roberta/configuration_roberta.py and RobertaForSequenceClassification in
// modeling_roberta.py. There is no pooler; the head's own dense layer reads <s>.
constexpr Architecture kRoberta{
    .model_type = "roberta",
    .names = {.base_prefix = "roberta.",
              .word_embeddings = "roberta.embeddings.word_embeddings",
              .position_embeddings = "roberta.embeddings.position_embeddings",
              .token_type_embeddings = "roberta.embeddings.token_type_embeddings",
              .embeddings_norm = "roberta.embeddings.LayerNorm",
              .head_dense = "classifier.dense",
              .classifier = "classifier.out_proj",
              .layers = "roberta.encoder.layer",
              .query = "attention.self.query",
              .key = "attention.self.key",
              .value = "attention.self.value",
              .attention_output = "attention.output.dense",
              .attention_norm = "attention.output.LayerNorm",
              .intermediate = "intermediate.dense",
              .output = "output.dense",
              .output_norm = "output.LayerNorm"},
    .configure = configure,
};

constexpr Architecture named(std::string_view model_type) {
  Architecture architecture = kRoberta;
  architecture.model_type = model_type;
  return architecture;
}

constexpr Architecture kXlmRoberta = named("xlm-roberta");
constexpr Architecture kCamembert = named("camembert");

}  // namespace

const Architecture& roberta_architecture() { return kRoberta; }
const Architecture& xlm_roberta_architecture() { return kXlmRoberta; }
const Architecture& camembert_architecture() { return kCamembert; }

}  // namespace valence
