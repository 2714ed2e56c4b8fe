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
  Status update_weight(const std::string& module, const ModuleUpdate& update);
  Status update_bias(const std::string& module, const ModuleUpdate& update, double scale);
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

Status Merger::update_weight(const std::string& module, const ModuleUpdate& update) {
  if (!update.a || !update.b) {
    return invalid(fmt::format("module {} has lora_{} but no lora_{}", in_quotes(module), update.a ? "A" : "B",
                               update.a ? "B" : "A"));
  }
  const std::string name = stored_name(module + ".weight");
  const auto base = checkpoint_.find(name);
  if (!base) {
    return invalid(fmt::format("adapts {}, which the model does not have", in_quotes(module)),
                   "the adapter was trained over another base model");
  }
  const Shape& shape = base->shape;
  const bool shaped = shape.size() == 2 && update.a->shape.size() == 2 && update.b->shape.size() == 2;
  // GPT-2's layers are stored the other way round, its classifier is not.
  const bool turned = shaped && transposed_ && update.a->shape[1] == shape[0] && update.b->shape[0] == shape[1] &&
                      module.find(".h.") != std::string::npos;
  const std::int64_t out = shaped ? shape[turned ? 1 : 0] : 0;
  const std::int64_t in = shaped ? shape[turned ? 0 : 1] : 0;
  const std::int64_t rank = shaped ? update.a->shape[0] : 0;
  if (!shaped || rank < 1 || update.a->shape[1] != in || update.b->shape != Shape{out, rank}) {
    return invalid(fmt::format("module {}: lora_A {} and lora_B {} do not fit its weight {}", in_quotes(module),
                               to_string(update.a->shape), to_string(update.b->shape), to_string(shape)),
                   "the adapter was trained over another base model");
  }
  const double scale = config_.scale(module, rank);
  if (!std::isfinite(scale)) return invalid(fmt::format("module {}: its scale is no finite number", in_quotes(module)));

  std::vector<float> weight = f32_values(*base);
  if (base->dtype == DType::kI8) {
    const auto scales = checkpoint_.find(name + "_scale");
    if (!scales || scales->shape != Shape{out} || turned) {
      return invalid(fmt::format("module {}: the base model's int8 weight has no scales", in_quotes(module)));
    }
    const std::vector<float> by_row = f32_values(*scales);
    for (std::int64_t row = 0; row < out; ++row) {
      for (std::int64_t column = 0; column < in; ++column) {
        weight[static_cast<std::size_t>(row * in + column)] *= by_row[static_cast<std::size_t>(row)];
      }
    }
  }
  const std::vector<float> a = f32_values(*update.a);
  const std::vector<float> b = f32_values(*update.b);
  const bool has_magnitude = config_.magnitudes && update.magnitude;
  if (config_.magnitudes && (!update.magnitude || update.magnitude->shape != Shape{out} || turned)) {
    return invalid(fmt::format("module {}: use_dora is true, but lora_magnitude_vector is missing or misshapen",
                               in_quotes(module)));
  }
  const std::vector<float> magnitude = has_magnitude ? f32_values(*update.magnitude) : std::vector<float>();
  std::vector<float> delta(static_cast<std::size_t>(in));
  for (std::int64_t row = 0; row < out; ++row) {
    std::fill(delta.begin(), delta.end(), 0.0F);
    for (std::int64_t k = 0; k < rank; ++k) {
      const float factor = b[static_cast<std::size_t>(row * rank + k)];
      const float* from = a.data() + k * in;
      for (std::int64_t column = 0; column < in; ++column)
        delta[static_cast<std::size_t>(column)] += factor * from[column];
    }
    double squares = 0;
    for (std::int64_t column = 0; column < in; ++column) {
      float& value = weight[static_cast<std::size_t>(turned ? column * out + row : row * in + column)];
      value += static_cast<float>(scale) * delta[static_cast<std::size_t>(column)];
      squares += static_cast<double>(value) * static_cast<double>(value);
    }
    if (!has_magnitude) continue;
    const auto factor =
        static_cast<float>(static_cast<double>(magnitude[static_cast<std::size_t>(row)]) / std::sqrt(squares));
    for (std::int64_t column = 0; column < in; ++column) weight[static_cast<std::size_t>(row * in + column)] *= factor;
  }
  checkpoint_.replace(name, shape, std::move(weight));
  return update_bias(module, update, scale);
}

Status Merger::update_bias(const std::string& module, const ModuleUpdate& update, double scale) {
  if (!update.b_bias) return {};
  const std::string name = stored_name(module + ".bias");
  const auto base = checkpoint_.find(name);
  if (!base || base->shape != update.b_bias->shape) {
    return invalid(fmt::format("module {}: lora_B has a bias, but the model's layer has none of its shape {}",
                               in_quotes(module), to_string(update.b_bias->shape)));
  }
  std::vector<float> bias = f32_values(*base);
  const std::vector<float> added = f32_values(*update.b_bias);
  for (std::size_t i = 0; i < bias.size(); ++i) bias[i] += static_cast<float>(scale) * added[i];
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
  spec.head.labels.clear();
  for (std::int64_t i = 0; i < std::min(classifier->shape[0], kMaxUnnamedLabels); ++i) {
    spec.head.labels.push_back(fmt::format("LABEL_{}", i));
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
