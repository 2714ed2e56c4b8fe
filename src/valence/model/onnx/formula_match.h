/// \file
/// Holds a graph's formula against that of the architecture, and says which stored tensor is which parameter.
#pragma once

#include <map>
#include <string>

#include "valence/base/error.h"
#include "valence/model/onnx/graph_walk.h"

namespace valence::onnx {

/// Stored tensors by the names of transformers. A matrix in `weight` of a linear layer is stored [in, out] unless it is
/// turned.
struct FoundWeights {
  struct Part {
    WeightRef ref;
    bool is_linear = false;  ///< a linear layer's matrix, which transformers keeps as [out, in]
  };
  std::map<std::string, Part> parts;
  double norm_eps = 0;  ///< of all normalisations
};

/// A file and what it computes for a batch.
struct WalkedFile {
  const OnnxFile& file;
  const WalkedGraph& graph;
};

/// `found` must be the formula of `expected`, whose tensors are named as parameters are, node for node. Sums may stand
/// in another order, masks may be written otherwise as long as every token sees the same others, and what becomes of
/// padding does not matter.
///
/// Errors: kUnsupported, naming the node of `found` whose result is not what stands in that place.
Result<FoundWeights> match_formula(const WalkedFile& found, const WalkedFile& expected, const ProbeBatch& batch,
                                   std::string_view model_type);

}  // namespace valence::onnx
