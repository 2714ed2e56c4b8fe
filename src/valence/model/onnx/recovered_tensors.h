/// \file
/// Stored tensors of a graph -> tensors as transformers names and turns them.
#pragma once

#include <string_view>

#include "valence/base/error.h"
#include "valence/model/checkpoint.h"
#include "valence/model/onnx/formula_match.h"

namespace valence::onnx {

/// Views into the file, but for what had to be computed, which `made` keeps. Floats stay as they are, and the matrices
/// of layers, which are nearly all of a model, the way round that they are, which `transposed` tells. Integers without
/// a zero point become I8 with `<name>_scale`; those with one become F32: (integer - zero point) * scale, as
/// DequantizeLinear defines it.
/// `layers` begins the names of what lies in layers.
Result<Checkpoint::Parts> recover_tensors(const OnnxFile& file, const FoundWeights& found, std::string_view layers);

}  // namespace valence::onnx
