/// \file
/// The parameters of a loaded model under the names of a format, as values to be written.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "valence/model/arch/architecture.h"
#include "valence/model/model.h"
#include "valence/tensor/dtype.h"

namespace valence {

/// One parameter. Views into the model, which must outlive it.
struct ExportedWeight {
  std::string name;
  Shape shape;        ///< as transformers has it: a linear layer's is [out_features, in_features]
  MatrixView matrix;  ///< when the shape has two extents
  TensorView vector;  ///< when it has one

  [[nodiscard]] bool is_matrix() const { return shape.size() == 2; }
  /// Row-major f32, integers with their scales.
  [[nodiscard]] std::vector<float> values() const;
};

/// Every parameter that the encoder and head use, by role, under the names of `architecture`. For encoders whose
/// queries, keys and values, or gates, are modules of their own. Parameters that layers share come once.
[[nodiscard]] std::vector<ExportedWeight> weights_by_role(const Model& model, const Architecture& architecture);

/// Every parameter under the name that the checkpoint has it under, which must be that of transformers.
[[nodiscard]] std::vector<ExportedWeight> weights_by_name(const Model& model);

/// `values` as `dtype`: F32, F16, BF16 (rounded to nearest even), or Q8_0 (whole blocks).
[[nodiscard]] std::vector<std::byte> encode_values(std::span<const float> values, DType dtype);

/// An encoder of the kind of BERT: post-norm layers with plain attention over embeddings with positions, a head with a
/// dense layer over the first token, biases everywhere. What GGUF files are written of.
[[nodiscard]] bool is_like_bert(const ModelSpec& spec);

}  // namespace valence
