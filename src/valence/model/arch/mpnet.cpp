#include "valence/model/arch/registry.h"
#include "valence/model/config_values.h"

namespace valence {
namespace {

/// A bias by distance over all layers (MPNetEncoder.relative_position_bucket), beside positions that are embedded and
/// count from 2 as RoBERTa's do.
Status configure(const Json& config, ModelSpec& spec) {
  constexpr std::int64_t kPadding = 1;        // fixed in MPNetEmbeddings
  constexpr std::int64_t kMaxDistance = 128;  // fixed in relative_position_bucket, as is the number of buckets used
  EncoderSpec& encoder = spec.encoder;
  encoder.padding_id = static_cast<std::int32_t>(kPadding);
  encoder.first_position = kPadding + 1;
  encoder.relative.kind = RelativePositions::Kind::kBias;
  encoder.relative.max_distance = kMaxDistance;
  VALENCE_TRY(encoder.relative.buckets, size_or(config, "relative_attention_num_buckets", 32, 32, kMaxPositions));
  return {};
}

// Names: transformers, models/mpnet/configuration_mpnet.py and MPNetForSequenceClassification in modeling_mpnet.py.
constexpr Architecture kMpnet{
    .model_type = "mpnet",
    .keys = {.type_vocab_size = ""},
    .names = {.base_prefix = "mpnet.",
              .word_embeddings = "mpnet.embeddings.word_embeddings",
              .position_embeddings = "mpnet.embeddings.position_embeddings",
              .embeddings_norm = "mpnet.embeddings.LayerNorm",
              .relative_embeddings = "mpnet.encoder.relative_attention_bias",
              .head_dense = "classifier.dense",
              .classifier = "classifier.out_proj",
              .layers = "mpnet.encoder.layer",
              .query = "attention.attn.q",
              .key = "attention.attn.k",
              .value = "attention.attn.v",
              .attention_output = "attention.attn.o",
              .attention_norm = "attention.LayerNorm",
              .intermediate = "intermediate.dense",
              .output = "output.dense",
              .output_norm = "output.LayerNorm"},
    .configure = configure,
};

}  // namespace

const Architecture& mpnet_architecture() { return kMpnet; }

}  // namespace valence
