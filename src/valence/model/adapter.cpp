#include "valence/model/adapter.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/model/adapter_config.h"
#include "valence/model/arch/registry.h"
#include "valence/model/config.h"
#include "valence/model/config_values.h"
#include "valence/tensor/safetensors_reader.h"

namespace valence {
namespace {

constexpr auto kConfigFile = "adapter_config.json";
constexpr auto kWeightsFile = "adapter_model.safetensors";
constexpr std::uint64_t kMaxConfigBytes = 4U << 20U;

/// What the file holds for one module.
struct ModuleUpdate {
  std::optional<TensorView> a, b, b_bias, magnitude;
};

std::vector<float> f32_values(const TensorView& view) {
  std::vector<float> values(static_cast<std::size_t>(view.elements()));
  copy_as_f32(view, values);
  return values;
}

/// "base_model.model.bert.pooler.dense.weight" -> "bert.pooler.dense.weight". Segments that name the adapter or mark a
/// wrapped module are of files that old versions wrote.
std::string plain_name(std::string_view key) {
  constexpr std::string_view kPrefix = "base_model.model.";
  if (key.starts_with(kPrefix)) key.remove_prefix(kPrefix.size());
  std::string name;
  while (!key.empty()) {
    const std::size_t dot = std::min(key.find('.'), key.size());
    const std::string_view segment = key.substr(0, dot);
    if (segment != "default" && segment != "modules_to_save" && segment != "base_layer") {
      if (!name.empty()) name += '.';
      name += segment;
    }
    key.remove_prefix(std::min(dot + 1, key.size()));
  }
  return name;
}

/// Splits "<module>.<part>"; false when the name does not end so.
bool split_part(const std::string& name, std::string_view part, std::string& module) {
  if (!name.ends_with(part) || name.size() <= part.size() + 1 || name[name.size() - part.size() - 1] != '.')
    return false;
  module = name.substr(0, name.size() - part.size() - 1);
  return true;
}

/// B A of one module, and what it is multiplied with.
struct LowRankUpdate {
  std::vector<float> a;  ///< [rank, inputs]
  std::vector<float> b;  ///< [outputs, rank]
  std::int64_t outputs, inputs, rank;
  float scale;
  bool turned;  ///< the weight is stored [inputs, outputs]
};

// Far above any that was ever trained with, and products with it stay finite.
constexpr double kLargestScale = 1e6;

class Merger {
 public:
  Merger(std::string source, AdapterConfig config, const ModelSpec& spec, Checkpoint& checkpoint)
      : source_(std::move(source)), config_(std::move(config)), checkpoint_(checkpoint) {
    if (const Architecture* architecture = find_architecture(spec.model_type)) {
      prefix_ = architecture->names.base_prefix;
      transposed_ = architecture->transposed_linears;
    }
  }

  Status merge(const TensorTable& tensors);

 private:
  tl::unexpected<Error> invalid(std::string what, std::string hint = {}) const {
    return fail(ErrorCode::kInvalidData, source_, std::move(what), std::move(hint));
  }
  /// The name under which the checkpoint has a tensor: a bare encoder's file leaves the prefix out.
  [[nodiscard]] std::string stored_name(const std::string& name) const {
    if (!checkpoint_.find(name) && name.starts_with(prefix_) && checkpoint_.find(name.substr(prefix_.size()))) {
      return name.substr(prefix_.size());
    }
    return name;
  }
  Status sort(const TensorTable& tensors);
  using LowRank = LowRankUpdate;
  Result<std::vector<float>> base_values(const std::string& name, const TensorView& base) const;
  Result<LowRank> low_rank(const std::string& module, const ModuleUpdate& update, const Shape& shape) const;
  Status update_weight(const std::string& module, const ModuleUpdate& update);
  Status update_bias(const std::string& module, const ModuleUpdate& update, float scale);
  Status replace(const std::string& name, const TensorView& view);

  std::string source_;
  AdapterConfig config_;
  Checkpoint& checkpoint_;
  std::string prefix_;
  bool transposed_ = false;
  std::map<std::string, ModuleUpdate> updates_;
  std::vector<std::pair<std::string, TensorView>> whole_;
};

Status Merger::sort(const TensorTable& tensors) {
  for (const auto& [key, view] : tensors) {
    if (!is_floating(view.dtype)) {
      return invalid(fmt::format("tensor {} is {}, expected F32, F16 or BF16", in_quotes(key), name(view.dtype)));
    }
    const std::string name = plain_name(key);
    std::string module;
    if (split_part(name, "lora_A.weight", module)) {
      updates_[module].a = view;
    } else if (split_part(name, "lora_B.weight", module)) {
      updates_[module].b = view;
    } else if (split_part(name, "lora_B.bias", module)) {
      updates_[module].b_bias = view;
    } else if (split_part(name, "lora_magnitude_vector", module) ||
               split_part(name, "lora_magnitude_vector.weight", module)) {
      updates_[module].magnitude = view;
    } else if (name.find("lora_") != std::string::npos) {
      return fail(ErrorCode::kUnsupported, source_,
                  fmt::format("tensor {}: adapters of linear layers only are supported", in_quotes(key)),
                  "merge it into its base with PEFT (merge_and_unload) and load the merged model");
    } else {
      whole_.emplace_back(name, view);
    }
  }
  return {};
}

/// The module's weight in the checkpoint as f32, int8 ones by their scales.
Result<std::vector<float>> Merger::base_values(const std::string& name, const TensorView& base) const {
  if (base.dtype != DType::kI8) {
    if (is_floating(base.dtype)) return f32_values(base);
    return invalid(fmt::format("adapts {}, which is {} in the model, expected F32, F16, BF16 or I8", in_quotes(name),
                               valence::name(base.dtype)));
  }
  const auto scales = checkpoint_.find(name + "_scale");
  if (!scales || scales->dtype != DType::kF32 || scales->shape != Shape{base.shape[0]}) {
    return invalid(fmt::format("adapts {}, an int8 weight of the model that has no scales", in_quotes(name)));
  }
  std::vector<float> values = f32_values(base);
  const std::vector<float> by_row = f32_values(*scales);
  const auto columns = static_cast<std::size_t>(base.shape[1]);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= by_row[i / columns];
  return values;
}

Result<Merger::LowRank> Merger::low_rank(const std::string& module, const ModuleUpdate& update,
                                         const Shape& shape) const {
  if (!update.a || !update.b) {
    return invalid(fmt::format("module {} has no {}", in_quotes(module),
                               update.a ? "lora_B" : (update.b ? "lora_A" : "lora_A and lora_B")));
  }
  const Shape& a = update.a->shape;
  const Shape& b = update.b->shape;
  const bool matrices = shape.size() == 2 && a.size() == 2 && b.size() == 2 && a[0] >= 1 && b[1] == a[0];
  // GPT-2's layers are stored the other way round, its classifier is not.
  const bool turned = matrices && transposed_ && module.find(".h.") != std::string::npos;
  if (!matrices || a[1] != shape[turned ? 0 : 1] || b[0] != shape[turned ? 1 : 0]) {
    return invalid(fmt::format("module {}: lora_A {} and lora_B {} do not fit its weight {}", in_quotes(module),
                               to_string(a), to_string(b), to_string(shape)),
                   "the adapter was trained over another base model");
  }
  const auto scale = static_cast<float>(std::clamp(config_.scale(module, a[0]), -kLargestScale, kLargestScale));
  if (std::isnan(scale) || std::abs(scale) >= static_cast<float>(kLargestScale)) {
    return invalid(fmt::format("module {}: lora_alpha makes no usable scale", in_quotes(module)));
  }
  return LowRank{.a = f32_values(*update.a),
                 .b = f32_values(*update.b),
                 .outputs = b[0],
                 .inputs = a[1],
                 .rank = a[0],
                 .scale = scale,
                 .turned = turned};
}

/// weight += scale * B A; with magnitudes, each row is then brought to its own length (DoRA).
void add_low_rank(const LowRankUpdate& update, std::span<const float> magnitudes, std::span<float> weight) {
  const auto inputs = static_cast<std::size_t>(update.inputs);
  const auto outputs = static_cast<std::size_t>(update.outputs);
  const auto rank = static_cast<std::size_t>(update.rank);
  std::vector<float> delta(inputs);
  for (std::size_t row = 0; row < outputs; ++row) {
    std::fill(delta.begin(), delta.end(), 0.0F);
    for (std::size_t k = 0; k < rank; ++k) {
      const float factor = update.b[row * rank + k];
      for (std::size_t column = 0; column < inputs; ++column) delta[column] += factor * update.a[k * inputs + column];
    }
    double squares = 0;
    for (std::size_t column = 0; column < inputs; ++column) {
      float& value = weight[update.turned ? column * outputs + row : row * inputs + column];
      value += update.scale * delta[column];
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
    if (magnitudes.empty()) continue;
    const auto factor = static_cast<float>(static_cast<double>(magnitudes[row]) / std::sqrt(squares));
    for (float& value : weight.subspan(row * inputs, inputs)) value *= factor;
  }
}

Status Merger::update_weight(const std::string& module, const ModuleUpdate& update) {
  const std::string name = stored_name(module + ".weight");
  const auto base = checkpoint_.find(name);
  if (!base) {
    return invalid(fmt::format("adapts {}, which the model does not have", in_quotes(module)),
                   "the adapter was trained over another base model");
  }
  VALENCE_TRY(const LowRank low_rank_update, low_rank(module, update, base->shape));
  const bool has_magnitudes = update.magnitude && update.magnitude->shape == Shape{low_rank_update.outputs};
  if (config_.magnitudes && (!has_magnitudes || low_rank_update.turned)) {
    return invalid(fmt::format("module {}: use_dora is true, but lora_magnitude_vector is missing or misshapen",
                               in_quotes(module)));
  }
  VALENCE_TRY(std::vector<float> weight, base_values(name, *base));
  add_low_rank(low_rank_update, config_.magnitudes ? f32_values(*update.magnitude) : std::vector<float>(), weight);
  if (!std::all_of(weight.begin(), weight.end(), [](float value) { return std::isfinite(value); })) {
    return invalid(fmt::format("module {}: the merged weight is not finite", in_quotes(module)),
                   "the training that made the adapter diverged; take an earlier one");
  }
  checkpoint_.replace(name, base->shape, std::move(weight));
  return update_bias(module, update, low_rank_update.scale);
}

Status Merger::update_bias(const std::string& module, const ModuleUpdate& update, float scale) {
  if (!update.b_bias) return {};
  const std::string name = stored_name(module + ".bias");
  const auto base = checkpoint_.find(name);
  if (!base || !is_floating(base->dtype) || base->shape != update.b_bias->shape) {
    return invalid(fmt::format("module {}: lora_B has a bias, but the model's layer has none of its shape {}",
                               in_quotes(module), to_string(update.b_bias->shape)));
  }
  std::vector<float> bias = f32_values(*base);
  const std::vector<float> added = f32_values(*update.b_bias);
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] += scale * added[i];
  checkpoint_.replace(name, base->shape, std::move(bias));
  return {};
}

/// A module that was trained whole. Its shape is checked with the rest of the model, so that a head for other labels
/// may stand in for the base's.
Status Merger::replace(const std::string& name, const TensorView& view) {
  checkpoint_.replace(stored_name(name), view.shape, f32_values(view));
  return {};
}

Status Merger::merge(const TensorTable& tensors) {
  VALENCE_TRY_STATUS(sort(tensors));
  if (updates_.empty() && whole_.empty()) return invalid("holds no tensors");
  for (const auto& [name, view] : whole_) VALENCE_TRY_STATUS(replace(name, view));
  for (const auto& [module, update] : updates_) VALENCE_TRY_STATUS(update_weight(module, update));
  return {};
}

Result<MappedFile> open_weights(const std::filesystem::path& directory) {
  auto file = MappedFile::open(directory / kWeightsFile);
  std::error_code ignored;
  if (!file && file.error().code() == ErrorCode::kNotFound &&
      std::filesystem::exists(directory / "adapter_model.bin", ignored)) {
    return fail(ErrorCode::kUnsupported, directory.string(),
                "has pickled weights only (adapter_model.bin), which can run code when they are read",
                "convert them: PeftModel.from_pretrained(base, adapter).save_pretrained(directory)");
  }
  return file;
}

/// Labels of the head that the adapter brings.
Status take_labels(const std::filesystem::path& directory, const Checkpoint& checkpoint, ModelSpec& spec) {
  const auto path = directory / "config.json";
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) {
    VALENCE_TRY(const std::string text, read_file(path, kMaxConfigBytes));
    VALENCE_TRY(const Json config, Json::parse(text, path.string()));
    return parse_labels(config, spec.head);
  }
  const Architecture* architecture = find_architecture(spec.model_type);
  if (architecture == nullptr) return {};
  const auto classifier = checkpoint.find(fmt::format("{}.weight", architecture->names.classifier));
  if (!classifier || classifier->shape.empty() || classifier->shape[0] == spec.head.num_labels()) return {};
  const std::int64_t labels = classifier->shape[0];
  if (labels < 1 || labels > kMaxLabels) {
    return fail(ErrorCode::kInvalidData, (directory / kWeightsFile).string(),
                fmt::format("the classifier has {} rows, expected 1 to {}, one for each label", labels, kMaxLabels));
  }
  spec.head.labels.clear();
  for (std::int64_t i = 0; i < labels; ++i) spec.head.labels.push_back(fmt::format("LABEL_{}", i));
  // Other labels than the base's are scored by the rule of their number, as if config.json had named them.
  if (spec.head.problem_type != ProblemType::kRegression) {
    spec.head.problem_type = labels == 1 ? ProblemType::kMultiLabel : ProblemType::kSingleLabel;
  }
  return {};
}

}  // namespace

Status merge_adapter(const std::filesystem::path& directory, ModelSpec& spec, Checkpoint& checkpoint) {
  VALENCE_TRY(const std::string config_text, read_file(directory / kConfigFile, kMaxConfigBytes));
  VALENCE_TRY(const Json config_json, Json::parse(config_text, (directory / kConfigFile).string()));
  VALENCE_TRY(AdapterConfig config, parse_adapter_config(config_json));
  VALENCE_TRY(const MappedFile file, open_weights(directory));
  const std::string source = (directory / kWeightsFile).string();
  VALENCE_TRY(const TensorTable tensors, parse_safetensors(file.bytes(), source));
  VALENCE_TRY_STATUS(Merger(source, std::move(config), spec, checkpoint).merge(tensors));
  return take_labels(directory, checkpoint, spec);
}

}  // namespace valence
