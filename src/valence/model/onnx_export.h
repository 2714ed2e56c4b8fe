/// \file
/// A classifier as an ONNX file that any runtime of the format runs.
#pragma once

#include <cstdint>
#include <string>

#include "valence/base/error.h"
#include "valence/model/model.h"

namespace valence {

enum class OnnxWeightType : std::uint8_t {
  kF32,
  kF16,   ///< stored as halves, computed in f32
  kInt8,  ///< layers: DynamicQuantizeLinear and MatMulInteger with a scale an output; tables: a scale a row; head: f32
};

/// Operator set 17 without operators of other domains, of any architecture. Inputs, as optimum has them: input_ids,
/// attention_mask and, where the model has token types, token_type_ids, INT64 [batch_size, sequence_length]; output:
/// logits, FLOAT [batch_size, labels], of a token classifier [batch_size, sequence_length, labels]. Matrices that are
/// int8 already keep their integers under kInt8. A decoder's last token is the last one that attention_mask has.
///
/// Errors: kUnsupported for DeBERTa-v2's convolution, and above the 2 GB of the format.
Result<std::string> export_onnx(const Model& model, OnnxWeightType type);

}  // namespace valence
