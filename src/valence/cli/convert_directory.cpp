#include "valence/cli/convert_directory.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "valence/engine/calibration_file.h"
#include "valence/model/arch/registry.h"
#include "valence/model/config_rewrite.h"
#include "valence/model/weight_export.h"

namespace valence::cli {
namespace {

std::string_view dtype_in_config(DType dtype) {
  return dtype == DType::kF16 ? "float16" : dtype == DType::kBF16 ? "bfloat16" : "float32";
}

/// transformers gives the weights the type that config.json names.
Result<std::string> config_with_dtype(const std::string& config_json, std::string_view dtype) {
  constexpr std::array<std::string_view, 2> kOfOtherTypes{"torch_dtype", "quantization_config"};
  return config_with(config_json, {{"dtype", fmt::format("\"{}\"", dtype)}}, kOfOtherTypes);
}

}  // namespace

std::vector<std::span<const std::byte>> SafetensorsWeights::pieces() const {
  std::vector<std::span<const std::byte>> all{std::as_bytes(std::span(layout.header))};
  all.insert(all.end(), layout.tensors.begin(), layout.tensors.end());
  return all;
}

SafetensorsWeights safetensors_weights(const ConvertSource& source, DType dtype) {
  SafetensorsWeights made;
  TensorTable table;
  const Model& model = source.model;
  const auto weights = source.has_reference_names
                           ? weights_by_name(model)
                           : weights_by_role(model.spec, model.weights, *find_architecture(model.spec.model_type));
  for (const ExportedWeight& weight : weights) {
    made.tensors.push_back(encode_values(weight.values(), dtype));
    table.emplace(weight.name, TensorView{dtype, weight.shape, made.tensors.back()});
  }
  made.layout = lay_out_safetensors(table, {{"format", "pt"}});
  return made;
}

Status write_model_files(const ConvertSource& source, DType dtype, data::OutputDirectory& output) {
  VALENCE_TRY(const std::string config, config_with_dtype(source.config_json, dtype_in_config(dtype)));
  VALENCE_TRY_STATUS(output.write("config.json", config));
  for (const auto& [name, content] : source.files) VALENCE_TRY_STATUS(output.write(name, content));
  if (source.calibration) VALENCE_TRY_STATUS(output.write(kCalibrationFile, *source.calibration));
  return {};
}

}  // namespace valence::cli
