/// \file
/// Stored tensors of a graph -> tensors as transformers names and turns them.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "valence/base/error.h"
#include "valence/model/onnx/encoder_match.h"
#include "valence/tensor/tensor_view.h"

namespace valence::onnx {

/// Views into the file, but for what had to be computed, which `made` keeps. Floats stay as they are, a matrix stored
/// [in, out] being one of columns. Integers without a zero point become I8 with `<name>_scale`; those with one become
/// F32: (integer - zero point) * scale, as DequantizeLinear defines it.
struct RecoveredTensors {
  TensorTable tensors;
  std::vector<std::unique_ptr<std::vector<std::byte>>> made;
};

Result<RecoveredTensors> recover_tensors(const OnnxFile& file, const FoundWeights& found);

}  // namespace valence::onnx
