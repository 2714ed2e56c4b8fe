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

/// A vector of the model.
struct ExportedVector {
  TensorView values;
  /// MatrixView's: the order in which the file that it was read from has the outputs of a layer.
  std::int64_t interleaved_head = 0;
};

/// One parameter, of one part or of several below one another. Views into the model, which must outlive it.
struct ExportedWeight {
  std::string name;
  Shape shape;  ///< as it is written: a linear layer's is [out_features, in_features] unless it is transposed
  std::vector<MatrixView> matrices;     ///< when the shape has two extents
  std::vector<ExportedVector> vectors;  ///< when it has one
  bool transposed = false;              ///< written [in_features, out_features]
  /// > 0: each head of so many rows is written with the two of a rotary pair side by side (MatrixView).
  std::int64_t interleaved_head = 0;

  [[nodiscard]] bool is_matrix() const { return shape.size() == 2; }
  /// Row-major f32, integers with their scales.
  [[nodiscard]] std::vector<float> values() const;
};

/// Every parameter that encoder and head use, by role, under the names of `architecture` and in its order of rows and
/// columns. Not those of relative positions and convolutions. Parameters that layers share come once.
[[nodiscard]] std::vector<ExportedWeight> weights_by_role(const ModelSpec& spec, const ModelWeights& weights,
                                                          const Architecture& architecture);

/// Every parameter under the name that the checkpoint has it under, which must be that of transformers.
[[nodiscard]] std::vector<ExportedWeight> weights_by_name(const Model& model);

/// `values` as `dtype`: F32, F16, BF16 (rounded to nearest even), or Q8_0 (whole blocks).
[[nodiscard]] std::vector<std::byte> encode_values(std::span<const float> values, DType dtype);

/// An encoder of the kind of BERT: post-norm layers with plain attention over embeddings with positions, a head with a
/// dense layer over the first token, biases everywhere. What GGUF files are written of.
[[nodiscard]] bool is_like_bert(const ModelSpec& spec);

}  // namespace valence
