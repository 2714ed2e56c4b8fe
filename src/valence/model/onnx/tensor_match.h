/// \file
/// Whether two stored tensors are one parameter.
#pragma once

#include "valence/model/onnx/expression.h"
#include "valence/tensor/onnx_file.h"

namespace valence::onnx {

/// What layers share may stand in a file several times: ALBERT's once a layer, DeBERTa's projections of tokens and of
/// positions. onnxruntime's quantisation makes integers of the first and leaves the others as they were.
enum class SameParameter {
  kNo,
  kYes,
  kSecondIsQuantised,  ///< the first are floats, of which the second are the integers
};
[[nodiscard]] SameParameter same_parameter(const OnnxFile& file, const WeightRef& first, const WeightRef& second);

[[nodiscard]] bool is_all_zero(const OnnxTensor& tensor);

}  // namespace valence::onnx
