/// \file
/// The parameters of a classifier by their role, as checked views into a checkpoint. Shapes are those of
/// transformers: a linear weight is [out_features, in_features], row-major.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/model/arch/architecture.h"
#include "valence/model/checkpoint.h"
#include "valence/model/head_spec.h"
#include "valence/tensor/tensor_view.h"

namespace valence {

/// A two-dimensional parameter of a floating type (tensor/dtype.h); or I8 with an F32 scale for each row
/// (`<name>_scale` in the file): value = q * scale[row].
struct MatrixView {
  TensorView values;
  std::optional<TensorView> row_scale;

  [[nodiscard]] std::int64_t rows() const { return values.shape[0]; }
  [[nodiscard]] std::int64_t columns() const { return values.shape[1]; }
};

/// Writes row `row` of `matrix` as f32 into `out` (matrix.columns() floats).
void copy_row_as_f32(const MatrixView& matrix, std::int64_t row, std::span<float> out);

struct LinearWeights {
  MatrixView weight;  ///< [out_features, in_features]
  TensorView bias;    ///< [out_features]
};

struct LayerNormWeights {
  TensorView weight;  ///< [hidden_size]
  TensorView bias;    ///< [hidden_size]
};

struct EmbeddingWeights {
  MatrixView word;                       ///< [vocab_size, hidden_size]
  MatrixView position;                   ///< [max_position_embeddings, hidden_size]
  std::optional<MatrixView> token_type;  ///< [type_vocab_size, hidden_size]
  LayerNormWeights norm;
};

struct LayerWeights {
  LinearWeights query, key, value;
  LinearWeights attention_output;
  LayerNormWeights attention_norm;
  LinearWeights intermediate;
  LinearWeights output;
  LayerNormWeights output_norm;
};

/// All of a layer's matrices.
[[nodiscard]] inline std::array<const LinearWeights*, 6> linear_weights(const LayerWeights& layer) {
  return {&layer.query, &layer.key, &layer.value, &layer.attention_output, &layer.intermediate, &layer.output};
}

struct ModelWeights {
  EmbeddingWeights embeddings;
  std::vector<LayerWeights> layers;
  LinearWeights head_dense;
  LinearWeights classifier;
  std::vector<std::string> unused;  ///< tensors of the checkpoint that no role claims: shown to the user
};

/// Finds every parameter that `spec` calls for and checks its shape and type. Views point into `checkpoint`, which
/// must outlive them. Errors name the tensor, the shape expected and the shape found.
Result<ModelWeights> bind_weights(const ModelSpec& spec, const Checkpoint& checkpoint);

/// The same under the names that `architecture` gives, which are not those of transformers.
Result<ModelWeights> bind_weights(const ModelSpec& spec, const Architecture& architecture,
                                  const Checkpoint& checkpoint);

}  // namespace valence
