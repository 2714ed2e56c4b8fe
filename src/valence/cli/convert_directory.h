/// \file
/// A model as the directory that transformers loads: model.safetensors with what stands beside it.
#pragma once

#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/cli/convert_source.h"
#include "valence/data/output_directory.h"
#include "valence/tensor/safetensors_writer.h"

namespace valence::cli {

/// Weights ready to be written; the layout views the tensors.
struct SafetensorsWeights {
  std::vector<std::vector<std::byte>> tensors;
  SafetensorsLayout layout;

  /// The file, piece after piece; views.
  [[nodiscard]] std::vector<std::span<const std::byte>> pieces() const;
};

/// F32, F16 or BF16, under the names of transformers.
SafetensorsWeights safetensors_weights(const ConvertSource& source, DType dtype);

/// config.json, which names `dtype` as that of the weights, and the tokenizer's files.
Status write_model_files(const ConvertSource& source, DType dtype, data::OutputDirectory& output);

}  // namespace valence::cli
