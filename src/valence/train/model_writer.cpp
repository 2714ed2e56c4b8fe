#include "valence/train/model_writer.h"

#include <fmt/format.h>

#include <set>
#include <string_view>

#include "valence/base/json_text.h"
#include "valence/base/write_file.h"
#include "valence/model/arch/registry.h"
#include "valence/tensor/safetensors_writer.h"
#include "valence/train/lora.h"

namespace valence::train {
namespace {

Status write_tensors(const TensorTable& tensors, const std::filesystem::path& path) {
  const SafetensorsLayout layout = lay_out_safetensors(tensors, {{"format", "pt"}});
  std::vector<std::span<const std::byte>> pieces{std::as_bytes(std::span(layout.header))};
  pieces.insert(pieces.end(), layout.tensors.begin(), layout.tensors.end());
  return write_file_atomically(path, pieces);
}

Status write_companions(const BaseModel& model, const CompanionFiles& companions,
                        const std::filesystem::path& directory) {
  for (const auto& [name, content] : companions) VALENCE_TRY_STATUS(write_file_atomically(directory / name, content));
  return write_file_atomically(directory / "config.json", model.config_json);
}

/// The module of a parameter: its name without the last part.
std::string module_of(std::string_view name) { return std::string(name.substr(0, name.rfind('.'))); }

void add_strings(JsonText& json, std::string_view key, const std::set<std::string>& values) {
  json.key(key).begin_array();
  for (const std::string& value : values) json.string(value);
  json.end_array();
}

/// Modules that learned whole, as peft's modules_to_save names them: its own two for sequence classification, and what
/// was drawn anew beside them (a pooler), by its whole name: peft takes every module that ends in one of these.
std::set<std::string> saved_modules(const BaseModel& model) {
  std::set<std::string> modules{"classifier", "score"};
  for (const Parameter& parameter : model.parameters.parameters()) {
    if (!parameter.learns || is_lora_parameter(parameter.name) || is_saved_whole(parameter.name)) continue;
    modules.insert(module_of(parameter.name));
  }
  return modules;
}

std::string adapter_config(const BaseModel& model, const LoraOptions& options, const std::string& base_model) {
  const std::vector<std::string> targets =
      options.target_modules.empty() ? default_target_modules(model.spec) : options.target_modules;
  JsonText json;
  json.begin_object().key("peft_type").string("LORA").key("task_type").string("SEQ_CLS");
  json.key("base_model_name_or_path").string(base_model).key("inference_mode").boolean(true);
  json.key("r").integer(options.r).key("lora_alpha").number(options.lora_alpha);
  json.key("lora_dropout").number(options.lora_dropout).key("bias").string("none");
  add_strings(json, "target_modules", {targets.begin(), targets.end()});
  add_strings(json, "modules_to_save", saved_modules(model));
  json.key("use_rslora").boolean(options.use_rslora).key("use_dora").boolean(false);
  json.key("fan_in_fan_out").boolean(find_architecture(model.spec.model_type)->transposed_linears);
  json.key("init_lora_weights").boolean(true);
  json.key("rank_pattern").begin_object().end_object().key("alpha_pattern").begin_object().end_object();
  json.end_object();
  return json.text() + "\n";
}

}  // namespace

Status write_model(const BaseModel& model, const CompanionFiles& companions, const std::filesystem::path& directory) {
  VALENCE_TRY_STATUS(write_companions(model, companions, directory));
  return write_tensors(model.parameters.tensors(), directory / "model.safetensors");
}

Status write_adapter(const BaseModel& model, const LoraOptions& options, const std::string& base_model,
                     const CompanionFiles& companions, const std::filesystem::path& directory) {
  VALENCE_TRY_STATUS(write_companions(model, companions, directory));
  VALENCE_TRY_STATUS(
      write_file_atomically(directory / "adapter_config.json", adapter_config(model, options, base_model)));
  TensorTable tensors;
  for (const Parameter& parameter : model.parameters.parameters()) {
    if (!parameter.learns) continue;
    tensors.emplace("base_model.model." + parameter.name,
                    TensorView{DType::kF32, parameter.shape, std::as_bytes(model.parameters.values_of(parameter))});
  }
  return write_tensors(tensors, directory / "adapter_model.safetensors");
}

}  // namespace valence::train
