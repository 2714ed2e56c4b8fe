#include "valence/model/gguf_config.h"

#include <fmt/format.h>

#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/json.h"
#include "valence/model/config.h"

namespace valence {
namespace {

constexpr std::uint64_t kMaxLabels = 100'000;
constexpr std::uint64_t kMaxTokens = 1U << 24U;

/// A JSON object, written member by member.
class Settings {
 public:
  /// `json` is written as it is.
  void add(std::string_view key, std::string_view json) {
    if (text_.size() > 1) text_ += ',';
    append_json_string(text_, key);
    text_ += ':';
    text_ += json;
  }
  void add_string(std::string_view key, std::string_view value) {
    std::string json;
    append_json_string(json, value);
    add(key, json);
  }
  [[nodiscard]] std::string text() const { return text_ + '}'; }

 private:
  std::string text_ = "{";
};

/// Rows of a tensor, which is how many of something the model has where no key says it.
std::optional<std::int64_t> rows_of(const TensorTable& tensors, std::string_view name) {
  const auto found = tensors.find(name);
  if (found == tensors.end() || found->second.shape.empty()) return std::nullopt;
  return found->second.shape[0];
}

Status add_sizes(const GgufFile& file, const ConfigKeys& keys, Settings& settings) {
  for (const auto key : {keys.hidden_size, keys.num_hidden_layers, keys.num_attention_heads, keys.intermediate_size,
                         keys.max_position_embeddings, keys.type_vocab_size}) {
    if (key.empty()) continue;
    VALENCE_TRY(auto size, file.metadata.find_integer(key));
    if (!size && key == keys.type_vocab_size) size = rows_of(file.tensors, "token_types.weight");
    if (!size)
      return fail(ErrorCode::kInvalidData, file.metadata.source(), fmt::format("the metadata has no key \"{}\"", key));
    settings.add(key, std::to_string(*size));
  }
  // The vocabulary's size is that of the list of tokens.
  const GgufValue* const tokens = file.metadata.find(keys.vocab_size);
  const auto rows = rows_of(file.tensors, "token_embd.weight");
  if (tokens != nullptr && tokens->type == GgufType::kArray && tokens->count <= kMaxTokens) {
    settings.add(keys.vocab_size, std::to_string(tokens->count));
  } else if (tokens != nullptr) {
    return file.metadata.invalid(keys.vocab_size, fmt::format("expected an array of at most {} tokens", kMaxTokens));
  } else if (rows) {
    settings.add(keys.vocab_size, std::to_string(*rows));
  }
  return {};
}

Status add_layer_norm_eps(const GgufMetadata& metadata, std::string_view key, Settings& settings) {
  VALENCE_TRY(const double eps, metadata.required(metadata.find_number(key), key));
  settings.add(key, fmt::format("{}", eps));
  return {};
}

Status add_labels(const GgufFile& file, std::string_view key, Settings& settings) {
  VALENCE_TRY(const auto labels, file.metadata.find_strings(key, kMaxLabels));
  if (!labels) {
    settings.add("num_labels", std::to_string(rows_of(file.tensors, "cls.output.weight").value_or(0)));
    return {};
  }
  Settings by_id;
  for (std::size_t i = 0; i < labels->size(); ++i) by_id.add_string(std::to_string(i), (*labels)[i]);
  settings.add("id2label", by_id.text());
  return {};
}

Status add_own_keys(const GgufMetadata& metadata, const ConfigKeys& keys, Settings& settings) {
  VALENCE_TRY(const auto problem_type, metadata.find_string("valence.problem_type"));
  if (problem_type) settings.add_string("problem_type", *problem_type);
  VALENCE_TRY(const auto hidden_act, metadata.find_string(keys.hidden_act));
  if (hidden_act) settings.add_string(keys.hidden_act, *hidden_act);
  return {};
}

/// Settings under which the same tensors would mean another computation.
Status refuse_other_computations(const GgufMetadata& metadata) {
  VALENCE_TRY(const auto causal, metadata.find_boolean("bert.attention.causal"));
  if (causal.value_or(false)) {
    return fail(ErrorCode::kUnsupported, metadata.source(),
                "bert.attention.causal is true: decoders are not supported, only encoders classify");
  }
  VALENCE_TRY(const auto own_pooling, metadata.find_string("valence.head.pooling"));
  if (own_pooling && *own_pooling != "cls") {
    return fail(ErrorCode::kUnsupported, metadata.source(),
                fmt::format("valence.head.pooling {}: expected \"cls\"", in_quotes(*own_pooling)));
  }
  constexpr std::int64_t kMean = 1;
  constexpr std::int64_t kLast = 3;
  VALENCE_TRY(const auto pooling, metadata.find_integer("bert.pooling_type"));
  if (!own_pooling && (pooling == kMean || pooling == kLast)) {
    return fail(ErrorCode::kUnsupported, metadata.source(),
                fmt::format("bert.pooling_type {} ({}): BERT's classification head reads the first token", *pooling,
                            *pooling == kMean ? "mean" : "last token"));
  }
  return {};
}

Result<Activation> head_activation(const GgufMetadata& metadata, Activation fallback) {
  constexpr auto kKey = "valence.head.activation";
  VALENCE_TRY(const auto named, metadata.find_string(kKey));
  if (!named) return fallback;
  if (*named == "tanh") return Activation::kTanh;
  if (*named == "relu") return Activation::kRelu;
  if (*named == "gelu") return Activation::kGelu;
  return metadata.invalid(kKey, fmt::format("{}: expected one of tanh, relu, gelu", in_quotes(*named)));
}

}  // namespace

Result<ModelSpec> gguf_spec(const GgufFile& file, const Architecture& architecture) {
  const GgufMetadata& metadata = file.metadata;
  VALENCE_TRY_STATUS(refuse_other_computations(metadata));
  Settings settings;
  VALENCE_TRY_STATUS(add_sizes(file, architecture.keys, settings));
  VALENCE_TRY_STATUS(add_layer_norm_eps(metadata, architecture.keys.layer_norm_eps, settings));
  VALENCE_TRY_STATUS(add_labels(file, architecture.keys.labels, settings));
  VALENCE_TRY_STATUS(add_own_keys(metadata, architecture.keys, settings));
  // The bounds of sizes and the rules of labels are those of config.json, so it is its parser that reads them.
  VALENCE_TRY(const Json config, Json::parse(settings.text(), metadata.source()));
  VALENCE_TRY(ModelSpec spec, parse_config(config, architecture));
  VALENCE_TRY(spec.head.dense_act, head_activation(metadata, spec.head.dense_act));
  return spec;
}

}  // namespace valence
