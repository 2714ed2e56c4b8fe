/// \file
/// Stored tensors of a graph -> tensors as transformers names and turns them.
#pragma once

#include "valence/base/error.h"
#include "valence/model/arch/architecture.h"
#include "valence/model/checkpoint.h"
#include "valence/model/onnx/formula_match.h"

namespace valence::onnx {

/// Views into the file, but for what had to be computed, which `made` keeps. Floats stay as they are, and the matrices
/// of layers, which are nearly all of a model, the way round that they are, which `transposed` tells. Integers without
/// a zero point become I8 with `<name>_scale`; those with one become F32: (integer - zero point) * scale, as
/// DequantizeLinear defines it; and so does every integer of an architecture that keeps its matrices [in, out], whose
/// scales would be those of inputs.
Result<Checkpoint::Parts> recover_tensors(const OnnxFile& file, const FoundWeights& found,
                                          const Architecture& architecture);

}  // namespace valence::onnx
