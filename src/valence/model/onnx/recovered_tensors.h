/// \file
/// Stored tensors of a graph -> tensors as transformers names and turns them.
#pragma once

#include "valence/base/error.h"
#include "valence/model/checkpoint.h"
#include "valence/model/onnx/encoder_match.h"

namespace valence::onnx {

/// Views into the file, but for what had to be computed, which `made` keeps. Floats stay as they are, and the matrices
/// of layers, which are nearly all of a model, the way round that they are, which `transposed` tells. Integers without
/// a zero point become I8 with `<name>_scale`; those with one become F32: (integer - zero point) * scale, as
/// DequantizeLinear defines it.
Result<Checkpoint::Parts> recover_tensors(const OnnxFile& file, const FoundWeights& found);

}  // namespace valence::onnx
