#include <fmt/format.h>

#include <string>
#include <utility>
#include <vector>

#include "valence/model/arch/registry.h"
#include "valence/model/config_values.h"

namespace valence {
namespace {

/// The words of a list, or of one string with bars in between: both are met.
Result<std::vector<std::string>> words(const Json& config, std::string_view key) {
  std::vector<std::string> found;
  const auto value = config.find(key);
  if (!value) return found;
  if (value->is_array()) {
    VALENCE_TRY(const auto items, value->items());
    for (const Json& item : items) {
      VALENCE_TRY(std::string word, item.as_string());
      found.push_back(std::move(word));
    }
    return found;
  }
  VALENCE_TRY(const std::string text, value->as_string());
  std::string word;
  for (const char c : text + "|") {
    if (c != '|') {
      if (c != ' ') word += static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
      continue;
    }
    if (!word.empty()) found.push_back(word);
    word.clear();
  }
  return found;
}

bool has(const std::vector<std::string>& list, std::string_view word) {
  for (const std::string& item : list) {
    if (item == word) return true;
  }
  return false;
}

/// DisentangledSelfAttention and DebertaV2Encoder of modeling_deberta_v2.py.
Status configure_relative(const Json& config, EncoderSpec& encoder) {
  VALENCE_TRY(const bool relative_attention, config.boolean_or("relative_attention", false));
  VALENCE_TRY(const auto types, words(config, "pos_att_type"));
  if (!relative_attention) {
    // The scores' scale would count terms that are not there.
    if (!types.empty()) {
      return unsupported(config, fmt::format("pos_att_type {}: expected none where relative_attention is not true",
                                             in_quotes(types.front())));
    }
    return {};
  }
  RelativePositions& relative = encoder.relative;
  relative.kind = RelativePositions::Kind::kDisentangled;
  for (const std::string& type : types) {
    if (type != "c2p" && type != "p2c") {
      return unsupported(config, fmt::format("pos_att_type {}: expected c2p or p2c", in_quotes(type)));
    }
  }
  relative.content_to_position = has(types, "c2p");
  relative.position_to_content = has(types, "p2c");
  VALENCE_TRY(relative.shares_projections, config.boolean_or("share_att_key", false));
  VALENCE_TRY(const std::int64_t most, config.integer_or("max_relative_positions", -1));
  relative.max_distance = most < 1 ? encoder.max_position_embeddings : most;
  VALENCE_TRY(const std::int64_t buckets, config.integer_or("position_buckets", -1));
  relative.buckets = buckets > 0 ? buckets : 0;
  const std::pair<std::string_view, std::int64_t> sizes[] = {{"max_relative_positions", most},
                                                             {"position_buckets", buckets}};
  for (const auto& [key, size] : sizes) {
    if (size > kMaxPositions)
      return config.invalid(fmt::format("{} {}: expected at most {}", key, size, kMaxPositions));
  }
  if (relative.buckets > 0 && (relative.buckets < 4 || relative.max_distance <= relative.buckets / 2 + 1)) {
    return config.invalid(
        fmt::format("position_buckets {} of max_relative_positions {}: expected at least 4 buckets, and more positions "
                    "than half of them and one",
                    relative.buckets, relative.max_distance));
  }
  VALENCE_TRY(const auto norms, words(config, "norm_rel_ebd"));
  relative.normalised = has(norms, "layer_norm");
  return {};
}

/// ConvLayer of modeling_deberta_v2.py: after the first layer of the xlarge models.
Status configure_convolution(const Json& config, EncoderSpec& encoder) {
  constexpr std::int64_t kWidest = 63;
  VALENCE_TRY(encoder.convolution_width, size_or(config, "conv_kernel_size", 0, 0, kWidest));
  if (encoder.convolution_width == 0) return {};
  if (encoder.convolution_width % 2 == 0) {
    return config.invalid(fmt::format("conv_kernel_size {}: expected an odd number", encoder.convolution_width));
  }
  VALENCE_TRY(const std::int64_t groups, size_or(config, "conv_groups", 1, 1, kMaxHiddenSize));
  if (groups != 1) return unsupported(config, fmt::format("conv_groups {}: only 1 is supported", groups));
  if (encoder.num_hidden_layers < 2) {
    return unsupported(config, fmt::format("conv_kernel_size {}: expected 0 in a model of num_hidden_layers 1",
                                           encoder.convolution_width));
  }
  VALENCE_TRY(encoder.convolution_act, activation_or(config, "conv_act", "tanh"));
  return {};
}

Status configure(const Json& config, ModelSpec& spec) {
  EncoderSpec& encoder = spec.encoder;
  VALENCE_TRY(encoder.has_position_table, config.boolean_or("position_biased_input", true));
  VALENCE_TRY_STATUS(configure_relative(config, encoder));
  VALENCE_TRY(const std::int64_t embedding_size,
              size_or(config, "embedding_size", encoder.hidden_size, 1, kMaxHiddenSize));
  if (embedding_size != encoder.hidden_size) {
    return unsupported(config, fmt::format("embedding_size {}: only hidden_size, {}, is supported", embedding_size,
                                           encoder.hidden_size));
  }
  VALENCE_TRY_STATUS(configure_convolution(config, encoder));
  VALENCE_TRY(const std::int64_t pooled, size_or(config, "pooler_hidden_size", encoder.hidden_size, 1, kMaxHiddenSize));
  if (pooled != encoder.hidden_size) {
    return config.invalid(fmt::format("pooler_hidden_size {}: expected hidden_size, {}", pooled, encoder.hidden_size));
  }
  VALENCE_TRY(spec.head.dense_act, activation_or(config, "pooler_hidden_act", "gelu"));
  return {};
}

// Names: transformers, models/deberta_v2/configuration_deberta_v2.py and DebertaV2ForSequenceClassification in
// modeling_deberta_v2.py. DeBERTa-v3 is the same architecture.
constexpr Architecture kDebertaV2{
    .model_type = "deberta-v2",
    .defaults = {.type_vocab_size = 0, .least_type_vocab_size = 0, .layer_norm_eps = 1e-7},
    .names = {.base_prefix = "deberta.",
              .word_embeddings = "deberta.embeddings.word_embeddings",
              .position_embeddings = "deberta.embeddings.position_embeddings",
              .token_type_embeddings = "deberta.embeddings.token_type_embeddings",
              .embeddings_norm = "deberta.embeddings.LayerNorm",
              .relative_embeddings = "deberta.encoder.rel_embeddings",
              .relative_norm = "deberta.encoder.LayerNorm",
              .convolution = "deberta.encoder.conv.conv",
              .convolution_norm = "deberta.encoder.conv.LayerNorm",
              .head_dense = "pooler.dense",
              .classifier = "classifier",
              .layers = "deberta.encoder.layer",
              .query = "attention.self.query_proj",
              .key = "attention.self.key_proj",
              .value = "attention.self.value_proj",
              .position_key = "attention.self.pos_key_proj",
              .position_query = "attention.self.pos_query_proj",
              .attention_output = "attention.output.dense",
              .attention_norm = "attention.output.LayerNorm",
              .intermediate = "intermediate.dense",
              .output = "output.dense",
              .output_norm = "output.LayerNorm"},
    .head_dense_act = Activation::kGelu,
    .configure = configure,
};

}  // namespace

const Architecture& deberta_v2_architecture() { return kDebertaV2; }

}  // namespace valence
