#include "valence/model/config.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/model/arch/registry.h"
#include "valence/model/config_values.h"

namespace valence {
namespace {

/// Settings under which the same tensors would mean another computation.
Status refuse_other_computations(const Json& config) {
  VALENCE_TRY(const std::string positions, config.string_or("position_embedding_type", "absolute"));
  if (positions != "absolute") {
    return fail(ErrorCode::kUnsupported, config.where(),
                fmt::format("position_embedding_type {}: only \"absolute\" is supported", in_quotes(positions)));
  }
  for (const std::string_view key : {"is_decoder", "add_cross_attention"}) {
    VALENCE_TRY(const bool decodes, config.boolean_or(key, false));
    if (decodes) {
      return fail(ErrorCode::kUnsupported, config.where(),
                  fmt::format("{} is true: cross-attention and decoders of this family are not supported", key));
    }
  }
  return {};
}

Result<EncoderSpec> parse_encoder(const Json& config, const Architecture& architecture) {
  const ConfigKeys& keys = architecture.keys;
  const ConfigDefaults& defaults = architecture.defaults;
  EncoderSpec spec;
  VALENCE_TRY(spec.vocab_size, size_between(config, keys.vocab_size, 1, kMaxVocabSize));
  VALENCE_TRY(spec.hidden_size, size_between(config, keys.hidden_size, 1, kMaxHiddenSize));
  VALENCE_TRY(spec.num_hidden_layers, size_between(config, keys.num_hidden_layers, 1, kMaxLayers));
  VALENCE_TRY(spec.num_attention_heads, size_between(config, keys.num_attention_heads, 1, kMaxHiddenSize));
  if (!keys.intermediate_size.empty()) {
    VALENCE_TRY(spec.intermediate_size, size_between(config, keys.intermediate_size, 1, kMaxIntermediateSize));
  }
  VALENCE_TRY(spec.max_position_embeddings,
              size_or(config, keys.max_position_embeddings, defaults.max_position_embeddings, 1, kMaxPositions));
  if (!keys.type_vocab_size.empty()) {
    VALENCE_TRY(spec.type_vocab_size, size_or(config, keys.type_vocab_size, defaults.type_vocab_size,
                                              defaults.least_type_vocab_size, kMaxTokenTypes));
  }
  VALENCE_TRY(spec.hidden_act, activation_or(config, keys.hidden_act, defaults.hidden_act));
  VALENCE_TRY(spec.layer_norm_eps, epsilon_or(config, keys.layer_norm_eps, defaults.layer_norm_eps));
  return spec;
}

/// What must hold once everything is read, for the kernels to be called with it.
Status check_encoder(const Json& config, const ConfigKeys& keys, const EncoderSpec& spec) {
  if (spec.head_dim == 0 && spec.hidden_size % spec.num_attention_heads != 0) {
    return config.invalid(fmt::format("{} {} is not a multiple of {} {}", keys.hidden_size, spec.hidden_size,
                                      keys.num_attention_heads, spec.num_attention_heads));
  }
  if (spec.num_attention_heads % spec.key_value_heads() != 0) {
    return config.invalid(fmt::format("{} {} is not a multiple of num_key_value_heads {}", keys.num_attention_heads,
                                      spec.num_attention_heads, spec.key_value_heads()));
  }
  if (spec.query_size() > kMaxHiddenSize) {
    return config.invalid(fmt::format("{} {} of head_dim {}: expected at most {} dimensions together",
                                      keys.num_attention_heads, spec.num_attention_heads, spec.head_size(),
                                      kMaxHiddenSize));
  }
  if (spec.max_sequence_length() < 1) {
    return config.invalid(fmt::format("{} {} leaves no position for text: the first has number {}",
                                      keys.max_position_embeddings, spec.max_position_embeddings, spec.first_position));
  }
  const bool rotates = std::any_of(spec.layer_attention.begin(), spec.layer_attention.end(),
                                   [](const LayerAttention& layer) { return layer.rotary.has_value(); });
  if (rotates && spec.head_size() % 2 != 0) {
    return config.invalid(
        fmt::format("attention heads of {} dimensions: expected an even number, for rotary positions turn pairs",
                    spec.head_size()));
  }
  return {};
}

/// A checkpoint of *ForTokenClassification has logits for every token, straight from the encoder.
void make_token_classifier(HeadSpec& head) {
  head.pooling = Pooling::kNone;
  // ModernBERT keeps the layer that ends in a norm.
  if (!head.dense_norm) head.has_dense = false;
}

/// The index that a key of id2label spells: digits only, no sign, no leading zero.
std::optional<std::size_t> label_index(std::string_view key) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
  const bool leading_zero = key.size() > 1 && key.front() == '0';
  if (error != std::errc() || end != key.data() + key.size() || leading_zero) return std::nullopt;
  return index;
}

Result<std::string> label_text(const Json& value) {
  if (!value.is_integer()) return value.as_string();
  // Some checkpoints number their labels; transformers shows the number.
  VALENCE_TRY(const std::int64_t number, value.as_integer());
  return std::to_string(number);
}

Result<std::vector<std::string>> parse_id2label(const Json& id2label) {
  if (id2label.size() > static_cast<std::size_t>(kMaxLabels)) {
    return id2label.invalid(fmt::format("names {} labels, more than {}", id2label.size(), kMaxLabels));
  }
  VALENCE_TRY(const auto members, id2label.members());
  if (members.empty()) return id2label.invalid("names no labels");
  std::vector<std::optional<std::string>> by_index(members.size());
  for (const auto& [key, value] : members) {
    const auto index = label_index(key);
    if (!index) return id2label.invalid(fmt::format("the key {} is not a class index", in_quotes(key)));
    VALENCE_TRY(std::string label, label_text(value));
    if (*index < by_index.size()) by_index[*index] = std::move(label);
  }
  std::vector<std::string> labels;
  labels.reserve(by_index.size());
  for (auto& label : by_index) {
    if (!label) {
      return id2label.invalid(fmt::format("has {} labels, but none for class {}: keys must run from 0 to {}",
                                          members.size(), labels.size(), members.size() - 1));
    }
    labels.push_back(std::move(*label));
  }
  return labels;
}

Result<std::vector<std::string>> named_labels(const Json& config) {
  std::optional<std::int64_t> num_labels;
  if (config.find("num_labels")) {
    VALENCE_TRY(num_labels, size_between(config, "num_labels", 1, kMaxLabels));
  }
  if (const auto id2label = config.find("id2label")) {
    VALENCE_TRY(std::vector<std::string> labels, parse_id2label(*id2label));
    if (num_labels && *num_labels != static_cast<std::int64_t>(labels.size())) {
      return config.invalid(fmt::format("num_labels is {}, but id2label names {} labels", *num_labels, labels.size()),
                            "remove num_labels, or name every class in id2label");
    }
    return labels;
  }
  constexpr std::int64_t kDefaultNumLabels = 2;  // transformers never writes id2label when it has the default two
  std::vector<std::string> labels;
  for (std::int64_t i = 0; i < num_labels.value_or(kDefaultNumLabels); ++i)
    labels.push_back(fmt::format("LABEL_{}", i));
  return labels;
}

/// transformers 5, TextClassificationPipeline.postprocess and PreTrainedConfig. Its branch on `function_to_apply` in
/// config.json is never reached by a model that has a label, so that key has no effect here either.
Result<ProblemType> parse_problem_type(const Json& config, std::size_t num_labels) {
  const auto value = config.find("problem_type");
  if (!value) return num_labels == 1 ? ProblemType::kMultiLabel : ProblemType::kSingleLabel;
  VALENCE_TRY(const std::string problem_type, value->as_string());
  if (problem_type == "regression") return ProblemType::kRegression;
  if (problem_type == "multi_label_classification") return ProblemType::kMultiLabel;
  if (problem_type != "single_label_classification") {
    return config.invalid(
        fmt::format("problem_type {}: expected one of single_label_classification, multi_label_classification, "
                    "regression",
                    in_quotes(problem_type)));
  }
  if (num_labels == 1) {
    return config.invalid("problem_type \"single_label_classification\" needs at least two labels, found one",
                          "use \"regression\" or \"multi_label_classification\" for a single output");
  }
  return ProblemType::kSingleLabel;
}

Result<const Architecture*> choose_architecture(const Json& config) {
  VALENCE_TRY(const Json value, config.at("model_type"));
  VALENCE_TRY(const std::string model_type, value.as_string());
  if (const Architecture* architecture = find_architecture(model_type)) return architecture;
  std::vector<std::string_view> supported;
  for (const Architecture* architecture : architectures()) supported.push_back(architecture->model_type);
  return fail(ErrorCode::kUnsupported, config.where(),
              fmt::format("model_type {}: expected one of {}", in_quotes(model_type), fmt::join(supported, ", ")));
}

/// The class that wrote the checkpoint, e.g. "BertForMaskedLM"; empty when config.json does not say.
Result<std::string> parse_saved_by(const Json& config) {
  const auto classes = config.find("architectures");
  if (!classes) return std::string();
  VALENCE_TRY(const std::vector<Json> names, classes->items());
  return names.empty() ? std::string() : names.front().as_string();
}

}  // namespace

Status parse_labels(const Json& config, HeadSpec& head) {
  VALENCE_TRY(head.labels, named_labels(config));
  VALENCE_TRY(head.problem_type, parse_problem_type(config, head.labels.size()));
  return {};
}

Result<ModelSpec> parse_config(const Json& config) {
  VALENCE_TRY(const Architecture* const architecture, choose_architecture(config));
  return parse_config(config, *architecture);
}

Result<ModelSpec> parse_config(const Json& config, const Architecture& architecture) {
  VALENCE_TRY_STATUS(refuse_other_computations(config));
  ModelSpec spec;
  spec.model_type = architecture.model_type;
  VALENCE_TRY(spec.saved_by, parse_saved_by(config));
  VALENCE_TRY(spec.encoder, parse_encoder(config, architecture));
  spec.head.dense_act = architecture.head_dense_act;
  VALENCE_TRY_STATUS(parse_labels(config, spec.head));
  if (architecture.configure != nullptr) {
    VALENCE_TRY_STATUS(architecture.configure(config, spec));
  }
  VALENCE_TRY_STATUS(check_encoder(config, architecture.keys, spec.encoder));
  if (spec.saved_by.ends_with("ForTokenClassification")) make_token_classifier(spec.head);
  return spec;
}

}  // namespace valence
