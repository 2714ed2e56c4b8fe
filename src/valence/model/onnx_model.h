/// \file
/// A classifier in an ONNX file, as optimum and torch.onnx export them: its weights under the names of transformers.
#pragma once

#include <filesystem>
#include <optional>

#include "valence/base/error.h"
#include "valence/base/json.h"
#include "valence/model/checkpoint.h"
#include "valence/model/head_spec.h"
#include "valence/tensor/onnx_file.h"

namespace valence {

/// The ONNX file that `model` names: itself if it ends in .onnx, or `model.onnx` or `onnx/model.onnx` of a directory
/// that has no safetensors weights. Nothing where there is none; a directory that has only others
/// (model_quantized.onnx) is an error that lists them.
Result<std::optional<std::filesystem::path>> find_onnx(const std::filesystem::path& model);

/// Where an export keeps `name` ("config.json"): beside the ONNX file, or a directory up. The former if in neither.
[[nodiscard]] std::filesystem::path directory_with(const std::filesystem::path& onnx_file,
                                                   std::initializer_list<std::string_view> names);

/// The same for the tokenizer's files.
[[nodiscard]] std::filesystem::path tokenizer_directory(const std::filesystem::path& onnx_file);

/// What a graph's tensors are (onnx/recovered_tensors.h). The graph does not run here: it is read as a formula, which
/// must be that of the graph we would write (onnx/encoder_graph.h), and its weights run on our own encoder. Exporters
/// name matrices "onnx::MatMul_123", fold constants and write masks in a hundred ways, so names are not looked at: the
/// graph is walked twice with small batches, and what depends on weights must be the layers of `config` in their order,
/// with nothing before, between or after them.
///
/// All tensors of `file` must have their bytes. Errors: kUnsupported names the node that is not understood.
Result<Checkpoint::Parts> onnx_weights(const OnnxFile& file, const ModelSpec& spec, const Json& config);

/// The model in an ONNX file: its specification from config.json, its tensors, and the files they lie in.
struct OnnxModel {
  ModelSpec spec;
  Checkpoint checkpoint;
};
Result<OnnxModel> load_onnx(const std::filesystem::path& onnx_file);

}  // namespace valence
