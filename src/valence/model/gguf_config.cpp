#include "valence/model/gguf_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/json.h"
#include "valence/model/config.h"
#include "valence/model/config_text.h"
#include "valence/model/config_values.h"
#include "valence/model/gguf_attention.h"

namespace valence {
namespace {

constexpr std::uint64_t kMaxTokens = kMaxVocabSize;

constexpr std::string_view kHeadActivation = "valence.head.activation";

/// Rows of a tensor, which is how many of something the model has where no key says it.
std::optional<std::int64_t> rows_of(const TensorTable& tensors, std::string_view name) {
  const auto found = tensors.find(name);
  if (found == tensors.end() || found->second.shape.empty()) return std::nullopt;
  return found->second.shape[0];
}

Status add_sizes(const GgufFile& file, const ConfigKeys& keys, std::int64_t before_first, ConfigText& settings) {
  const GgufMetadata& metadata = file.metadata;
  for (const auto key : {keys.hidden_size, keys.num_hidden_layers, keys.num_attention_heads, keys.intermediate_size}) {
    VALENCE_TRY(const std::int64_t size, metadata.required(metadata.find_integer(key), key));
    settings.add_integer(key, size);
  }
  VALENCE_TRY(const std::int64_t positions,
              metadata.required(metadata.find_integer(keys.max_position_embeddings), keys.max_position_embeddings));
  // A sum that overflows would be no more of a position than what it is refused as.
  settings.add_integer(keys.max_position_embeddings, std::min(positions, kMaxPositions + 1) + before_first);
  // The vocabulary's size is that of the list of tokens.
  const GgufValue* const tokens = metadata.find(keys.vocab_size);
  const auto rows = rows_of(file.tensors, "token_embd.weight");
  if (tokens != nullptr && tokens->type == GgufType::kArray && tokens->count <= kMaxTokens) {
    settings.add_integer(keys.vocab_size, static_cast<std::int64_t>(tokens->count));
  } else if (tokens != nullptr) {
    return metadata.invalid(keys.vocab_size, fmt::format("expected an array of at most {} tokens", kMaxTokens));
  } else if (rows) {
    settings.add_integer(keys.vocab_size, *rows);
  }
  return {};
}

Status add_token_types(const GgufFile& file, const Architecture& architecture, ConfigText& settings) {
  const std::string_view key = architecture.keys.type_vocab_size;
  if (key.empty()) return {};
  const auto rows = rows_of(file.tensors, "token_types.weight");
  if (!rows && architecture.defaults.least_type_vocab_size == 0) {
    settings.add_integer(key, 0);
    return {};
  }
  VALENCE_TRY(auto size, file.metadata.find_integer(key));
  if (!size) size = rows;
  VALENCE_TRY(const std::int64_t types, file.metadata.required<std::int64_t>(size, key));
  settings.add_integer(key, types);
  return {};
}

Status add_layer_norm_eps(const GgufMetadata& metadata, std::string_view key, ConfigText& settings) {
  VALENCE_TRY(const double eps, metadata.required(metadata.find_number(key), key));
  settings.add_number(key, eps);
  return {};
}

Status add_labels(const GgufFile& file, std::string_view key, ConfigText& settings) {
  VALENCE_TRY(const auto labels, file.metadata.find_strings(key, kMaxLabels));
  if (!labels) {
    settings.add_integer("num_labels", rows_of(file.tensors, "cls.output.weight").value_or(0));
    return {};
  }
  ConfigText by_id;
  for (std::size_t i = 0; i < labels->size(); ++i) by_id.add_string(std::to_string(i), (*labels)[i]);
  settings.add("id2label", by_id.text());
  return {};
}

/// What GGUF says that a classifier reads; kRank means its own head.
enum class PoolingType : std::uint8_t { kNone = 0, kMean = 1, kCls = 2, kLast = 3, kRank = 4 };

/// The file's, where no key of our own says more. Other numbers are no pooling that anyone knows.
Result<PoolingType> pooling_type(const GgufMetadata& metadata, const std::string& key) {
  VALENCE_TRY(const auto type, metadata.find_integer(key));
  if (!type) return PoolingType::kRank;
  if (*type < 0 || *type > static_cast<std::int64_t>(PoolingType::kRank)) {
    return fail(ErrorCode::kUnsupported, metadata.source(),
                fmt::format("{} {}: expected 0 (none), 1 (mean), 2 (cls), 3 (last) or 4 (rank)", key, *type));
  }
  return static_cast<PoolingType>(*type);
}

std::string_view name(PoolingType type) {
  switch (type) {
    case PoolingType::kNone:
      return "none";
    case PoolingType::kMean:
      return "mean";
    case PoolingType::kCls:
      return "first token";
    case PoolingType::kLast:
      return "last token";
    case PoolingType::kRank:
      break;
  }
  return "rank";
}

/// Which tokens the head reads: what `valence.head.pooling` says, else what follows from the pooling type, and only
/// what the architecture's head can.
Status add_pooling(const GgufMetadata& metadata, const GgufArchitecture& files, const Architecture& architecture,
                   ConfigText& settings) {
  constexpr auto kOwnKey = "valence.head.pooling";
  const bool chooses = architecture.model_type == "modernbert";
  const std::string_view usual = files.decoder ? "last" : "cls";
  const std::string key = files.key("pooling_type");
  VALENCE_TRY(const PoolingType type, pooling_type(metadata, key));
  VALENCE_TRY(const auto own, metadata.find_string(kOwnKey));
  if (own) {
    if (*own == "none") {  // as config.json of a token classifier says it
      settings.add("architectures", R"(["ForTokenClassification"])");
    } else if (chooses && (*own == "cls" || *own == "mean")) {
      settings.add_string("classifier_pooling", *own);
    } else if (*own != usual) {
      return fail(ErrorCode::kUnsupported, metadata.source(),
                  fmt::format("{} {}: expected {}\"{}\" or \"none\"", kOwnKey, in_quotes(*own),
                              chooses ? "\"mean\", " : "", usual));
    }
    return {};
  }
  if (chooses && type != PoolingType::kLast) {
    // llama.cpp takes the mean whatever classifier_pooling was; most ModernBERT classifiers have that.
    settings.add_string("classifier_pooling", type == PoolingType::kCls ? "cls" : "mean");
    return {};
  }
  const bool reads_another = files.decoder ? type == PoolingType::kMean || type == PoolingType::kCls
                                           : type == PoolingType::kMean || type == PoolingType::kLast;
  if (!reads_another) return {};
  return fail(ErrorCode::kUnsupported, metadata.source(),
              fmt::format("{} {} ({}): the classification head of {} reads the {} token", key, static_cast<int>(type),
                          name(type), architecture.model_type, files.decoder ? "last" : "first"));
}

Status add_own_keys(const GgufMetadata& metadata, const ConfigKeys& keys, ConfigText& settings) {
  VALENCE_TRY(const auto problem_type, metadata.find_string("valence.problem_type"));
  if (problem_type) settings.add_string("problem_type", *problem_type);
  for (const std::string_view key : {keys.hidden_act, kHeadActivation}) {
    VALENCE_TRY(const auto activation, metadata.find_string(key));
    if (activation) settings.add_string(key, *activation);
  }
  return {};
}

/// What the architecture's configure() wants to know by the names of config.json.
Status add_details(const GgufFile& file, const GgufArchitecture& files, const Architecture& architecture,
                   std::int64_t before_first, ConfigText& settings) {
  VALENCE_TRY_STATUS(add_attention_settings(file.metadata, files, architecture, settings));
  VALENCE_TRY(const auto padding, file.metadata.find_integer("tokenizer.ggml.padding_token_id"));
  if (padding && (files.decoder || before_first > 0)) settings.add_integer("pad_token_id", *padding);
  if (architecture.model_type != "gpt2") return {};
  const std::string_view width_key = architecture.keys.intermediate_size;
  VALENCE_TRY(const std::int64_t width, file.metadata.required(file.metadata.find_integer(width_key), width_key));
  settings.add_integer("n_inner", width);
  return {};
}

/// A key under which the same tensors mean another computation unless it has the value that changes nothing.
struct Neutral {
  std::string_view key;
  double value;
};
constexpr std::array kNeutral = {
    Neutral{"attention.clamp_kqv", 0},      Neutral{"attention.max_alibi_bias", 0},
    Neutral{"attention.scale", 0},          Neutral{"attn_logit_softcapping", 0},
    Neutral{"embedding_scale", 1},          Neutral{"expert_count", 0},
    Neutral{"residual_scale", 1},           Neutral{"rope.scale_linear", 1},
    Neutral{"rope.scaling.attn_factor", 1}, Neutral{"use_parallel_residual", 0},
};

/// A number, an integer or a bool as a number.
Result<std::optional<double>> any_number(const GgufMetadata& metadata, std::string_view key) {
  const GgufValue* const value = metadata.find(key);
  if (value == nullptr) return std::nullopt;
  if (value->type == GgufType::kF32 || value->type == GgufType::kF64) return metadata.find_number(key);
  if (value->type == GgufType::kBool) {
    VALENCE_TRY(const auto boolean, metadata.find_boolean(key));
    return *boolean ? 1.0 : 0.0;
  }
  VALENCE_TRY(const auto integer, metadata.find_integer(key));
  return static_cast<double>(*integer);
}

Status refuse_other_computations(const GgufMetadata& metadata, const GgufArchitecture& files) {
  const std::string causal_key = files.key("attention.causal");
  VALENCE_TRY(const auto causal, metadata.find_boolean(causal_key));
  if (causal && *causal != files.decoder) {
    return fail(ErrorCode::kUnsupported, metadata.source(),
                fmt::format("{} is {}: {}", causal_key, *causal,
                            files.decoder ? "a decoder whose tokens see those after them is not built in"
                                          : "an encoder whose tokens see only those before them is not built in"));
  }
  for (const auto& [suffix, neutral] : kNeutral) {
    const std::string key = files.key(suffix);
    VALENCE_TRY(const auto value, any_number(metadata, key));
    if (value && *value != neutral) {
      return fail(ErrorCode::kUnsupported, metadata.source(),
                  fmt::format("{} is {}: only {} is built in", key, *value, neutral));
    }
  }
  return {};
}

}  // namespace

Result<std::int64_t> positions_before_first(const GgufFile& file, const GgufArchitecture& files) {
  const auto rows = rows_of(file.tensors, "position_embd.weight");
  VALENCE_TRY(const auto padding, file.metadata.find_integer("tokenizer.ggml.padding_token_id"));
  VALENCE_TRY(const auto positions, file.metadata.find_integer(files.key("context_length")));
  // A table of another size is refused when it is bound.
  if (!rows || !padding || !positions || *padding < 0 || *positions < 1 || *rows <= *positions) return 0;
  return *rows - *positions - 1 == *padding ? *padding + 1 : 0;
}

Result<ModelSpec> gguf_spec(const GgufFile& file, const GgufArchitecture& files, const Architecture& architecture) {
  const GgufMetadata& metadata = file.metadata;
  const ConfigKeys& keys = architecture.keys;
  VALENCE_TRY_STATUS(refuse_other_computations(metadata, files));
  std::int64_t before_first = 0;
  if (architecture.model_type == "roberta") {
    VALENCE_TRY(before_first, positions_before_first(file, files));
  }
  ConfigText settings;
  VALENCE_TRY_STATUS(add_sizes(file, keys, before_first, settings));
  VALENCE_TRY_STATUS(add_token_types(file, architecture, settings));
  VALENCE_TRY_STATUS(add_layer_norm_eps(metadata, keys.layer_norm_eps, settings));
  VALENCE_TRY_STATUS(add_labels(file, keys.labels, settings));
  VALENCE_TRY_STATUS(add_pooling(metadata, files, architecture, settings));
  VALENCE_TRY_STATUS(add_own_keys(metadata, keys, settings));
  VALENCE_TRY_STATUS(add_details(file, files, architecture, before_first, settings));
  // The bounds of sizes and the rules of labels are those of config.json, so it is its parser that reads them.
  VALENCE_TRY(const Json config, Json::parse(settings.text(), metadata.source()));
  VALENCE_TRY(ModelSpec spec, parse_config(config, architecture));
  if (config.find(kHeadActivation)) {
    VALENCE_TRY(spec.head.dense_act, activation_or(config, kHeadActivation, ""));
  }
  return spec;
}

}  // namespace valence
