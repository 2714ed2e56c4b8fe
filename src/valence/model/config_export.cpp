#include "valence/model/config_export.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string_view>
#include <vector>

#include "valence/base/check.h"
#include "valence/base/json.h"
#include "valence/base/json_text.h"
#include "valence/model/arch/registry.h"
#include "valence/model/config.h"
#include "valence/model/config_names.h"
#include "valence/model/gguf_settings.h"

namespace valence {
namespace {

/// Llama 3's scaling whose factors are `factors`, with the ratio of its two bounds that all published models have: 1 to
/// 4. Conversion kept the factors only.
std::optional<RotarySpec> llama3_of(const EncoderSpec& encoder, const RotarySpec& rotary) {
  constexpr double kLongestContext = 1 << 20;
  constexpr float kRounding = 1e-4F;
  const std::vector<float>& factors = *rotary.frequency_factors;
  EncoderSpec tried = encoder;
  RotarySpec& found = *tried.layer_attention.front().rotary;
  found = {.theta = rotary.theta,
           .scaling = RotarySpec::Scaling::kLlama3,
           .factor = *std::ranges::max_element(factors),
           .low_freq_factor = 1,
           .high_freq_factor = 4,
           .original_max_position_embeddings = 0};
  for (double context = 1; context <= kLongestContext; context *= 2) {
    found.original_max_position_embeddings = context;
    const std::vector<float> made = rope_factors(tried);
    const auto is_near = [&](float a, float b) { return std::fabs(a - b) <= kRounding * b; };
    if (std::ranges::equal(made, factors, is_near)) return found;
  }
  return std::nullopt;
}

/// Writes one config.json.
class ConfigWriter {
 public:
  ConfigWriter(const ModelSpec& spec, std::optional<std::int64_t> padding, const std::string& source)
      : spec_(spec),
        encoder_(spec.encoder),
        padding_(padding),
        source_(source),
        keys_(find_architecture(spec.model_type)->keys) {}

  Result<std::string> write(std::string_view class_name);

 private:
  [[nodiscard]] bool is(std::string_view model_type) const { return spec_.model_type == model_type; }
  void size(std::string_view key, std::int64_t value) {
    if (!key.empty()) json_.key(key).integer(value);
  }
  void sizes();
  void labels();
  void modern_bert();
  void decoder();
  Status rotary();
  Status rotary_parameters(const RotarySpec& rotary);
  void windows();

  const ModelSpec& spec_;
  const EncoderSpec& encoder_;
  const std::optional<std::int64_t> padding_;
  const std::string& source_;
  const ConfigKeys& keys_;
  JsonText json_;
};

void ConfigWriter::sizes() {
  size(keys_.vocab_size, encoder_.vocab_size);
  size(keys_.hidden_size, encoder_.hidden_size);
  size(keys_.num_hidden_layers, encoder_.num_hidden_layers);
  size(keys_.num_attention_heads, encoder_.num_attention_heads);
  size(is("gpt2") ? "n_inner" : keys_.intermediate_size, encoder_.intermediate_size);
  size(keys_.max_position_embeddings, encoder_.max_position_embeddings);
  size(keys_.type_vocab_size, encoder_.type_vocab_size);
  json_.key(keys_.hidden_act).string(activation_name(encoder_.hidden_act));
  if (!keys_.layer_norm_eps.empty()) json_.key(keys_.layer_norm_eps).number(encoder_.layer_norm_eps);
  // Of a decoder it says where a text ends; elsewhere it must be in the vocabulary, as the default may not be.
  const std::optional<std::int64_t> padding = encoder_.padding_id >= 0
                                                  ? std::optional<std::int64_t>(encoder_.padding_id)
                                              : encoder_.causal ? std::nullopt
                                                                : padding_;
  json_.key("pad_token_id");
  if (padding) {
    json_.integer(*padding);
  } else {
    json_.null();
  }
  // Nothing reads them here; the defaults are ids of the published vocabularies.
  if (is("gpt2") || is("modernbert")) json_.key("bos_token_id").null().key("eos_token_id").null();
  if (is("modernbert")) json_.key("cls_token_id").null().key("sep_token_id").null();
}

void ConfigWriter::labels() {
  const std::vector<std::string>& names = spec_.head.labels;
  json_.key("problem_type").string(problem_type_name(spec_.head.problem_type));
  json_.key("id2label").begin_object();
  for (std::size_t i = 0; i < names.size(); ++i) json_.key(std::to_string(i)).string(names[i]);
  json_.end_object().key("label2id").begin_object();
  for (std::size_t i = 0; i < names.size(); ++i) json_.key(names[i]).integer(static_cast<std::int64_t>(i));
  json_.end_object();
}

Status ConfigWriter::rotary_parameters(const RotarySpec& rotary) {
  RotarySpec told = rotary;
  if (rotary.frequency_factors) {
    const auto llama3 = llama3_of(encoder_, rotary);
    if (!llama3) {
      return fail(ErrorCode::kUnsupported, source_,
                  "its rope_freqs.weight are not those of Llama 3's scaling with the bounds 1 and 4, and config.json "
                  "cannot list factors",
                  "convert the checkpoint that it was made from");
    }
    told = *llama3;
  }
  json_.begin_object().key("rope_theta").number(told.theta);
  switch (told.scaling) {
    case RotarySpec::Scaling::kNone:
      json_.key("rope_type").string("default");
      break;
    case RotarySpec::Scaling::kLinear:
      json_.key("rope_type").string("linear").key("factor").number(told.factor);
      break;
    case RotarySpec::Scaling::kLlama3:
      json_.key("rope_type").string("llama3").key("factor").number(told.factor);
      json_.key("low_freq_factor").number(told.low_freq_factor);
      json_.key("high_freq_factor").number(told.high_freq_factor);
      json_.key("original_max_position_embeddings")
          .integer(static_cast<std::int64_t>(told.original_max_position_embeddings));
      break;
  }
  json_.end_object();
  return {};
}

Status ConfigWriter::rotary() {
  if (encoder_.layer_attention.empty()) return {};
  const auto of_windowed = [&](bool windowed) -> const RotarySpec& {
    for (const LayerAttention& layer : encoder_.layer_attention) {
      if ((layer.window >= 0) == windowed) return *layer.rotary;
    }
    return *encoder_.layer_attention.front().rotary;
  };
  json_.key("rope_parameters");
  if (!is("modernbert")) return rotary_parameters(of_windowed(false));
  json_.begin_object().key("full_attention");
  VALENCE_TRY_STATUS(rotary_parameters(of_windowed(false)));
  json_.key("sliding_attention");
  VALENCE_TRY_STATUS(rotary_parameters(of_windowed(true)));
  json_.end_object();
  return {};
}

void ConfigWriter::windows() {
  const auto slides = [](const LayerAttention& layer) { return layer.window >= 0; };
  const auto windowed = std::ranges::find_if(encoder_.layer_attention, slides);
  if (windowed == encoder_.layer_attention.end()) {
    if (is("mistral")) json_.key("sliding_window").null();
    if (!is("modernbert")) return;
  }
  const bool is_mistral = is("mistral");
  if (is("modernbert")) {
    // It counts both sides.
    if (windowed != encoder_.layer_attention.end())
      size("local_attention", std::max<std::int64_t>(1, 2 * windowed->window));
  } else {
    size("sliding_window", windowed->window + 1);  // itself counts
    if (!is_mistral) json_.key("use_sliding_window").boolean(true);
  }
  if (is_mistral && std::ranges::all_of(encoder_.layer_attention, slides)) return;
  json_.key("layer_types").begin_array();
  for (const LayerAttention& layer : encoder_.layer_attention) {
    json_.string(slides(layer) ? "sliding_attention" : "full_attention");
  }
  json_.end_array();
}

void ConfigWriter::modern_bert() {
  const HeadSpec& head = spec_.head;
  json_.key("attention_bias").boolean(encoder_.biases.qkv);
  json_.key("mlp_bias").boolean(encoder_.biases.ffn_in);
  json_.key("norm_bias").boolean(encoder_.biases.norm);
  json_.key("classifier_bias").boolean(head.dense_bias);
  json_.key("classifier_activation").string(activation_name(head.dense_act));
  json_.key("classifier_pooling").string(head.pooling == Pooling::kMean ? "mean" : "cls");
}

void ConfigWriter::decoder() {
  size("num_key_value_heads", encoder_.key_value_heads());
  size("head_dim", encoder_.head_size());
  json_.key("tie_word_embeddings").boolean(false);
  if (is("llama") || is("qwen3")) json_.key("attention_bias").boolean(encoder_.biases.qkv);
  if (is("llama")) json_.key("mlp_bias").boolean(encoder_.biases.ffn_in);
}

Result<std::string> ConfigWriter::write(std::string_view class_name) {
  json_.begin_object().key("architectures").begin_array().string(class_name).end_array();
  json_.key("model_type").string(spec_.model_type);
  sizes();
  if (is("modernbert")) {
    modern_bert();
  } else if (encoder_.norm_kind == NormKind::kRmsNorm) {
    decoder();
  } else if (is("nomic_bert")) {
    size("head_dim", encoder_.head_size());
  }
  VALENCE_TRY_STATUS(rotary());
  windows();
  labels();
  json_.key("dtype").string("float32").end_object();
  return json_.text() + "\n";
}

bool same(const Biases& a, const Biases& b) {
  return a.qkv == b.qkv && a.attention_output == b.attention_output && a.ffn_in == b.ffn_in && a.ffn_out == b.ffn_out &&
         a.norm == b.norm;
}

/// What of `spec` its config.json does not say; empty: nothing.
std::string_view lost(const ModelSpec& spec, const ModelSpec& read) {
  const HeadSpec& head = spec.head;
  if (!same(spec.encoder.biases, read.encoder.biases)) return "which layers have a bias";
  const bool dense_differs = head.has_dense && head.dense_bias != read.head.dense_bias;
  if (dense_differs || head.classifier_bias != read.head.classifier_bias) {
    return "which layers of its head have a bias";
  }
  if (head.has_dense && head.dense_act != read.head.dense_act) return "the activation of its head";
  if (spec.encoder.head_size() != read.encoder.head_size()) return "the width of its heads";
  if (spec.encoder.layer_attention.size() != read.encoder.layer_attention.size()) return "what its layers attend to";
  for (std::size_t i = 0; i < spec.encoder.layer_attention.size(); ++i) {
    const LayerAttention& own = spec.encoder.layer_attention[i];
    const LayerAttention& other = read.encoder.layer_attention[i];
    if (own.window != other.window) return "the windows of its layers";
    const bool is_listed = own.rotary && own.rotary->frequency_factors;  // by another formula
    if (!is_listed && own.rotary != other.rotary) return "the rotary positions of its layers";
  }
  return {};
}

}  // namespace

Result<std::string> config_json_of(const ModelSpec& spec, std::optional<std::int64_t> padding,
                                   const std::string& source) {
  if (spec.head.pooling == Pooling::kNone) {
    return fail(ErrorCode::kUnsupported, source, "classifies each token: only sequence classifiers get a config.json",
                "convert the checkpoint that it was made from");
  }
  VALENCE_TRY(std::string text, ConfigWriter(spec, padding, source).write(sequence_classifier_class(spec.model_type)));
  VALENCE_TRY(const Json config, Json::parse(text, "config.json"));
  VALENCE_TRY(const ModelSpec read, parse_config(config));
  const std::string_view what = lost(spec, read);
  if (!what.empty()) {
    return fail(ErrorCode::kUnsupported, source,
                fmt::format("{}: config.json of {} has no setting for it", what, spec.model_type),
                "convert the checkpoint that it was made from");
  }
  return text;
}

}  // namespace valence
