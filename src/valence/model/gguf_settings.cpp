#include "valence/model/gguf_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "valence/model/config_names.h"
#include "valence/model/encoder_attention.h"

namespace valence {
namespace {

/// Writes the keys of one file.
class SettingsWriter {
 public:
  SettingsWriter(const ModelSpec& spec, const GgufForm& form, const std::string& source, GgufWriter& writer)
      : spec_(spec), encoder_(spec.encoder), form_(form), source_(source), writer_(writer) {}

  Status write();

 private:
  [[nodiscard]] tl::unexpected<Error> unsupported(std::string_view what) const {
    return fail(ErrorCode::kUnsupported, source_, fmt::format("{}: GGUF has no key for that", what),
                "convert it to safetensors");
  }
  void size(std::string_view key, std::int64_t value) { writer_.add_u32(key, static_cast<std::uint32_t>(value)); }
  [[nodiscard]] std::string key(std::string_view suffix) const { return form_.files->key(suffix); }

  void sizes();
  void head();
  void head_sizes();
  Status rotary();
  Status scaling(const RotarySpec& rotary);
  Status windows();
  [[nodiscard]] bool is_modern_bert() const { return spec_.model_type == "modernbert"; }

  const ModelSpec& spec_;
  const EncoderSpec& encoder_;
  const GgufForm& form_;
  const std::string& source_;
  GgufWriter& writer_;
};

void SettingsWriter::sizes() {
  const ConfigKeys& keys = form_.member->keys;
  size(keys.hidden_size, encoder_.hidden_size);
  size(keys.num_hidden_layers, encoder_.num_hidden_layers);
  size(keys.num_attention_heads, encoder_.num_attention_heads);
  size(keys.intermediate_size, encoder_.intermediate_size);
  // RoBERTa's table loses the rows before its first position.
  size(keys.max_position_embeddings, encoder_.max_sequence_length());
  writer_.add_f32(keys.layer_norm_eps, encoder_.layer_norm_eps);
  size(key("vocab_size"), encoder_.vocab_size);
}

void SettingsWriter::head() {
  constexpr std::uint32_t kRank = 4;
  const HeadSpec& head = spec_.head;
  writer_.add_u32(key("pooling_type"), kRank);
  if (!form_.files->decoder) writer_.add_boolean(key("attention.causal"), false);
  writer_.add_strings(form_.member->keys.labels, head.labels);
  writer_.add_string("valence.head.kind", "sequence_classification");
  writer_.add_string("valence.head.pooling", head.pooling == Pooling::kLast   ? "last"
                                             : head.pooling == Pooling::kMean ? "mean"
                                                                              : "cls");
  if (head.has_dense) writer_.add_string("valence.head.activation", activation_name(head.dense_act));
  writer_.add_string("valence.problem_type", problem_type_name(head.problem_type));
  writer_.add_string(form_.member->keys.hidden_act, activation_name(encoder_.hidden_act));
}

void SettingsWriter::head_sizes() {
  size(key("attention.head_count_kv"), encoder_.key_value_heads());
  if (is_modern_bert()) return;
  size(key("attention.key_length"), encoder_.head_size());
  size(key("attention.value_length"), encoder_.head_size());
  size(key("rope.dimension_count"), encoder_.head_size());
}

Status SettingsWriter::scaling(const RotarySpec& rotary) {
  if (rotary.scaling == RotarySpec::Scaling::kLinear) {
    writer_.add_string(key("rope.scaling.type"), "linear");
    writer_.add_f32(key("rope.scaling.factor"), static_cast<float>(rotary.factor));
  } else if (is_modern_bert() && rotary.scaling != RotarySpec::Scaling::kNone) {
    return unsupported("the scaling of its rotary positions");
  }
  return {};
}

Status SettingsWriter::rotary() {
  std::optional<RotarySpec> whole;
  std::optional<RotarySpec> windowed;
  for (const LayerAttention& layer : encoder_.layer_attention) {
    // Only ModernBERT turns layers that see a window otherwise.
    std::optional<RotarySpec>& known = is_modern_bert() && layer.window >= 0 ? windowed : whole;
    if (!known) known = layer.rotary;
    if (!layer.rotary || *known != *layer.rotary) return unsupported("layers whose rotary positions differ");
  }
  if (!whole) whole = windowed;
  if (!whole) return unsupported("layers without rotary positions");
  writer_.add_f32(key("rope.freq_base"), static_cast<float>(whole->theta));
  if (is_modern_bert()) {
    if (!windowed) windowed = whole;
    writer_.add_f32(key("rope.freq_base_swa"), static_cast<float>(windowed->theta));
    if (windowed->scaling != whole->scaling || windowed->factor != whole->factor) {
      return unsupported("scalings of rotary positions that differ by layer");
    }
  }
  return scaling(*whole);
}

Status SettingsWriter::windows() {
  std::optional<std::int64_t> window;
  std::vector<bool> slides;
  for (const LayerAttention& layer : encoder_.layer_attention) {
    slides.push_back(layer.window >= 0);
    if (layer.window < 0) continue;
    if (window.value_or(layer.window) != layer.window) return unsupported("windows that differ by layer");
    window = layer.window;
  }
  const std::string window_key = key("attention.sliding_window");
  const std::string pattern_key = key("attention.sliding_window_pattern");
  if (!is_modern_bert()) {
    if (!window) return {};
    size(window_key, *window + 1);  // itself counts
    if (std::ranges::find(slides, false) != slides.end()) writer_.add_booleans(pattern_key, slides);
    return {};
  }
  size(window_key, window ? std::max<std::int64_t>(1, 2 * *window) : encoder_.max_position_embeddings);
  // Every n-th layer sees the whole text: as a number, which llama.cpp reads too, or else layer by layer.
  const auto second = slides.empty() ? slides.end() : std::find(slides.begin() + 1, slides.end(), false);
  const auto every = static_cast<std::size_t>(second - slides.begin());
  bool is_periodic = every > 0;
  for (std::size_t i = 0; i < slides.size() && is_periodic; ++i) is_periodic = slides[i] == (i % every != 0);
  if (is_periodic) {
    size(pattern_key, static_cast<std::int64_t>(every));
  } else {
    writer_.add_booleans(pattern_key, slides);
  }
  return {};
}

Status SettingsWriter::write() {
  sizes();
  head();
  if (form_.files->biased) return {};  // BERT and GPT-2
  head_sizes();
  VALENCE_TRY_STATUS(rotary());
  return windows();
}

}  // namespace

Status add_gguf_settings(const ModelSpec& spec, const GgufForm& form, const std::string& source, GgufWriter& writer) {
  return SettingsWriter(spec, form, source, writer).write();
}

std::vector<float> rope_factors(const EncoderSpec& spec) {
  if (spec.layer_attention.empty() || !spec.layer_attention.front().rotary) return {};
  const RotarySpec& rotary = *spec.layer_attention.front().rotary;
  if (rotary.scaling != RotarySpec::Scaling::kLlama3 && !rotary.frequency_factors) return {};
  RotarySpec plain;
  plain.theta = rotary.theta;
  std::vector<float> factors;
  for (std::int64_t i = 0; i < spec.head_size() / 2; ++i) {
    factors.push_back(inverse_frequency(plain, spec.head_size(), i) / inverse_frequency(rotary, spec.head_size(), i));
  }
  return factors;
}

}  // namespace valence
