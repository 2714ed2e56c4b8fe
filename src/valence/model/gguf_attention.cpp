#include "valence/model/gguf_attention.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/json.h"
#include "valence/model/config_values.h"

namespace valence {
namespace {

/// llama.cpp's where a file has none.
constexpr double kDefaultTheta = 10000;

/// Reads the keys of one file.
class Reader {
 public:
  Reader(const GgufMetadata& metadata, const GgufArchitecture& files, const Architecture& architecture,
         ConfigText& settings)
      : metadata_(metadata), files_(files), architecture_(architecture), settings_(settings) {}

  Status heads();
  Status rotary();
  Status windows();

 private:
  [[nodiscard]] tl::unexpected<Error> unsupported(std::string_view key, std::string what) const {
    return fail(ErrorCode::kUnsupported, fmt::format("{}: {}", metadata_.source(), key), std::move(what));
  }
  [[nodiscard]] bool is_modern_bert() const { return architecture_.model_type == "modernbert"; }
  Result<std::optional<std::int64_t>> uniform_integer(const std::string& key) const;
  Result<std::vector<bool>> sliding_layers(const std::string& key, std::int64_t layers) const;
  Status scaling();

  const GgufMetadata& metadata_;
  const GgufArchitecture& files_;
  const Architecture& architecture_;
  ConfigText& settings_;
};

bool is_array(const GgufMetadata& metadata, std::string_view key) {
  const GgufValue* const value = metadata.find(key);
  return value != nullptr && value->type == GgufType::kArray;
}

/// An integer, or one a layer that are all the same.
Result<std::optional<std::int64_t>> Reader::uniform_integer(const std::string& key) const {
  if (!is_array(metadata_, key)) return metadata_.find_integer(key);
  VALENCE_TRY(const auto values, metadata_.required(metadata_.find_integers(key, kMaxLayers), key));
  if (values.empty()) return metadata_.invalid(key, "is an empty array");
  if (std::ranges::any_of(values, [&](std::int64_t value) { return value != values.front(); })) {
    return unsupported(key, "differs by layer: only models whose layers are alike are built in");
  }
  return values.front();
}

Status Reader::heads() {
  const std::string kv_key = files_.key("attention.head_count_kv");
  VALENCE_TRY(const auto key_value_heads, uniform_integer(kv_key));
  if (key_value_heads) settings_.add_integer("num_key_value_heads", *key_value_heads);
  const std::string length_key = files_.key("attention.key_length");
  const std::string value_key = files_.key("attention.value_length");
  VALENCE_TRY(const auto key_length, metadata_.find_integer(length_key));
  VALENCE_TRY(const auto value_length, metadata_.find_integer(value_key));
  VALENCE_TRY(const std::int64_t hidden, metadata_.required(metadata_.find_integer(architecture_.keys.hidden_size),
                                                            architecture_.keys.hidden_size));
  VALENCE_TRY(const std::int64_t heads,
              metadata_.required(metadata_.find_integer(architecture_.keys.num_attention_heads),
                                 architecture_.keys.num_attention_heads));
  const std::int64_t head_dim = key_length ? *key_length : heads > 0 ? hidden / heads : 0;
  if (value_length && *value_length != head_dim) {
    return unsupported(value_key,
                       fmt::format("{}: only values as wide as keys, {}, are built in", *value_length, head_dim));
  }
  const std::string rotary_key = files_.key("rope.dimension_count");
  VALENCE_TRY(const auto rotated, metadata_.find_integer(rotary_key));
  if (rotated && *rotated != head_dim) {
    return unsupported(rotary_key,
                       fmt::format("{}: only rotary positions of whole heads, {}, are built in", *rotated, head_dim));
  }
  if (key_length) settings_.add_integer("head_dim", *key_length);
  return {};
}

Status Reader::scaling() {
  const std::string type_key = files_.key("rope.scaling.type");
  const std::string factor_key = files_.key("rope.scaling.factor");
  VALENCE_TRY(const auto type, metadata_.find_string(type_key));
  if (!type || *type == "none") return {};
  if (*type != "linear") {
    return unsupported(type_key, fmt::format("{}: expected \"none\" or \"linear\"", in_quotes(*type)));
  }
  VALENCE_TRY(const double factor, metadata_.required(metadata_.find_number(factor_key), factor_key));
  settings_.add("rope_scaling", fmt::format(R"({{"rope_type":"linear","factor":{}}})", factor));
  return {};
}

Status Reader::rotary() {
  const std::string theta_key = files_.key("rope.freq_base");
  VALENCE_TRY(const auto theta, metadata_.find_number(theta_key));
  if (!is_modern_bert()) {
    settings_.add_number("rope_theta", theta.value_or(kDefaultTheta));
    return scaling();
  }
  // Its two bases are never those that other files default to.
  const std::string local_key = files_.key("rope.freq_base_swa");
  VALENCE_TRY(const double global, metadata_.required<double>(theta, theta_key));
  VALENCE_TRY(const double local, metadata_.required(metadata_.find_number(local_key), local_key));
  settings_.add_number("global_rope_theta", global);
  settings_.add_number("local_rope_theta", local);
  return scaling();
}

/// Which layers see a window: a list, or a period n of which the last layer sees all (llama.cpp, set_swa_pattern).
Result<std::vector<bool>> Reader::sliding_layers(const std::string& key, std::int64_t layers) const {
  if (is_array(metadata_, key)) {
    VALENCE_TRY(auto slides, metadata_.required(metadata_.find_booleans(key, kMaxLayers), key));
    if (static_cast<std::int64_t>(slides.size()) != layers) {
      return metadata_.invalid(key, fmt::format("has {} elements, but there are {} layers", slides.size(), layers));
    }
    return slides;
  }
  VALENCE_TRY(const auto period, metadata_.find_integer(key));
  std::vector<bool> slides;
  for (std::int64_t i = 0; i < layers; ++i) {
    slides.push_back(!period || *period < 1 || i % *period < *period - 1);
  }
  return slides;
}

Status Reader::windows() {
  const std::string window_key = files_.key("attention.sliding_window");
  const std::string pattern_key = files_.key("attention.sliding_window_pattern");
  VALENCE_TRY(const auto window, metadata_.find_integer(window_key));
  if (is_modern_bert()) {
    VALENCE_TRY(const std::int64_t both_sides, metadata_.required<std::int64_t>(window, window_key));
    settings_.add_integer("local_attention", both_sides);
    if (!is_array(metadata_, pattern_key)) {
      VALENCE_TRY(const auto every, metadata_.find_integer(pattern_key));
      if (every) settings_.add_integer("global_attn_every_n_layers", *every);
      return {};
    }
  } else if (window.value_or(0) == 0) {
    return {};
  } else {
    settings_.add_integer("sliding_window", *window);
    settings_.add_boolean("use_sliding_window", true);
  }
  const std::string_view layers_key = architecture_.keys.num_hidden_layers;
  VALENCE_TRY(const std::int64_t layers, metadata_.required(metadata_.find_integer(layers_key), layers_key));
  if (layers < 1 || layers > kMaxLayers) return {};  // refused where sizes are read
  VALENCE_TRY(const auto slides, sliding_layers(pattern_key, layers));
  std::string types;
  for (const bool one : slides) {
    types += types.empty() ? '[' : ',';
    types += one ? R"("sliding_attention")" : R"("full_attention")";
  }
  settings_.add("layer_types", types + ']');
  return {};
}

}  // namespace

Status add_attention_settings(const GgufMetadata& metadata, const GgufArchitecture& files,
                              const Architecture& architecture, ConfigText& settings) {
  if (files.biased) return {};  // BERT and GPT-2
  Reader reader(metadata, files, architecture, settings);
  VALENCE_TRY_STATUS(reader.heads());
  VALENCE_TRY_STATUS(reader.rotary());
  return reader.windows();
}

Result<bool> has_window(const GgufMetadata& metadata, const GgufArchitecture& files) {
  VALENCE_TRY(const auto window, metadata.find_integer(files.key("attention.sliding_window")));
  return window.value_or(0) != 0;
}

}  // namespace valence
