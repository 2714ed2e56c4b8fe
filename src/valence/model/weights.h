/// \file
/// The parameters of a classifier by their role, as checked views into a checkpoint. Shapes are those of
/// transformers: a linear weight is [out_features, in_features], row-major.
#pragma once

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
  TensorView values;  ///< [rows, columns]
  std::optional<TensorView> row_scale;
  /// The tensor is [columns, all rows], of which this view has rows [first_row, first_row + row_count). Never I8.
  bool transposed = false;
  std::int64_t first_row = 0;
  std::int64_t row_count = 0;

  [[nodiscard]] std::int64_t rows() const { return transposed ? row_count : values.shape[0]; }
  [[nodiscard]] std::int64_t columns() const { return transposed ? values.shape[0] : values.shape[1]; }
};

/// Writes row `row` of `matrix` as f32 into `out` (matrix.columns() floats).
void copy_row_as_f32(const MatrixView& matrix, std::int64_t row, std::span<float> out);

/// Writes rows [first, first + count) of a transposed matrix as f32 into `out` [count, columns]: several at a time,
/// because each is spread over the whole tensor. Not for types that have blocks (dtype.h).
void copy_transposed_rows_as_f32(const MatrixView& matrix, std::int64_t first, std::int64_t count,
                                 std::span<float> out);

struct LinearWeights {
  MatrixView weight;               ///< [out_features, in_features]
  std::optional<TensorView> bias;  ///< [out_features]
};

struct LayerNormWeights {
  TensorView weight;               ///< [width]
  std::optional<TensorView> bias;  ///< [width]
};

struct EmbeddingWeights {
  MatrixView word;                          ///< [vocab_size, table_width]
  std::optional<MatrixView> position;       ///< [max_position_embeddings, table_width]
  std::optional<MatrixView> token_type;     ///< [type_vocab_size, table_width]
  std::optional<LayerNormWeights> norm;     ///< [table_width]
  std::optional<LinearWeights> projection;  ///< table_width -> hidden_size
  std::optional<MatrixView> relative;       ///< [table_rows, num_attention_heads], or hidden_size (kDisentangled)
  std::optional<LayerNormWeights> relative_norm;
};

/// What the spec asks for is there. Norms stand before or after their block, as norm_placement says.
struct LayerWeights {
  LinearWeights query, key, value;
  std::optional<LayerNormWeights> query_norm, key_norm;       ///< [head_size]
  std::optional<LinearWeights> position_key, position_query;  ///< of relative embeddings
  LinearWeights attention_output;
  std::optional<LayerNormWeights> attention_norm;
  std::optional<LinearWeights> gate;
  LinearWeights intermediate;
  LinearWeights output;
  LayerNormWeights output_norm;
};

/// All of a layer's matrices that run once a token.
[[nodiscard]] std::vector<const LinearWeights*> linear_weights(const LayerWeights& layer);

/// Whether two layers are the same parameters (ALBERT): their tensors lie in the same place.
[[nodiscard]] bool share_parameters(const LayerWeights& a, const LayerWeights& b);

struct ModelWeights {
  EmbeddingWeights embeddings;
  std::vector<LayerWeights> layers;
  std::optional<LayerNormWeights> final_norm;
  std::optional<LinearWeights> head_dense;
  std::optional<LayerNormWeights> head_norm;
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
