/// \file
/// The parameters of a loaded model as int8, whole or with some parts kept as they are.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/model/model.h"
#include "valence/tensor/tensor_view.h"

namespace valence {

/// How the matrices of a part are stored. Vectors (biases, norms) are F32 everywhere.
enum class MatrixStorage {
  kInt8,    ///< I8 with a scale a row
  kKept,    ///< F16 where that loses next to nothing, else as in the source
  kSource,  ///< as in the source: shares its memory
};

struct StoragePlan {
  std::vector<MatrixStorage> layers;          ///< [num_hidden_layers]
  MatrixStorage rest = MatrixStorage::kInt8;  ///< embeddings and head
};

/// F16 stands in for a kept matrix when no element is off by more than this share of the largest of its row: an eighth
/// of what int8 is off by.
inline constexpr float kF16Tolerance = 1.0F / 2032;

/// Every matrix of a model as int8, made once; tables of tensors for any plan over it, made cheaply. Not thread-safe.
class QuantizedWeights {
 public:
  /// `model` must outlive the object and every table. Errors: a model that has int8 matrices already
  /// (kInvalidArgument), a weight that is no finite number.
  static Result<QuantizedWeights> make(const Model& model);

  /// Under the names of the source, and `<name>_scale` for the scales. What the source has beyond the model's
  /// parameters is left out. Views live as long as this object.
  [[nodiscard]] TensorTable tensors(const StoragePlan& plan);

 private:
  struct Matrix {
    TensorView source;
    std::optional<std::int64_t> layer;  ///< nothing: embeddings or head
    std::vector<std::int8_t> quantised;
    std::vector<float> scales;
    bool fits_f16 = false;
    std::vector<std::uint16_t> halves;  ///< filled when first asked for
  };

  QuantizedWeights() = default;
  static Result<Matrix> quantise(const std::string& name, const TensorView& source, const std::string& place);
  void append(TensorTable& table, const std::string& name, Matrix& matrix, MatrixStorage storage);

  std::map<std::string, Matrix> matrices_;
  std::map<std::string, std::vector<float>> vectors_;
};

/// Every layer int8 but those of `kept`.
[[nodiscard]] StoragePlan plan_with_kept(std::int64_t num_layers, const std::vector<std::int64_t>& kept);

}  // namespace valence
