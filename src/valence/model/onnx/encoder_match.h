/// \file
/// Finds the parts of a classifier in a graph's formula, and holds every one against what the architecture computes.
#pragma once

#include <map>
#include <string>

#include "valence/base/error.h"
#include "valence/model/arch/architecture.h"
#include "valence/model/head_spec.h"
#include "valence/model/onnx/graph_walk.h"

namespace valence::onnx {

/// Stored tensors by the names of transformers. A matrix in `weight` of a linear layer is stored [in, out] unless it is
/// turned.
struct FoundWeights {
  struct Part {
    WeightRef ref;
    bool is_linear = false;    ///< a linear layer's matrix, which transformers keeps as [out, in]
    bool is_in_layer = false;  ///< and it is one of the encoder's layers
  };
  std::map<std::string, Part> parts;
  double layer_norm_eps = 0;  ///< of all normalisations
};

/// The formula must be that of a `spec` classifier under `architecture`, node for node: embeddings, post-norm layers,
/// first token, dense layer, classifier. Positions and masks are compared with what `batch` calls for.
///
/// Errors: kUnsupported, naming the node whose result is not what stands in that place.
Result<FoundWeights> match_encoder(const OnnxFile& file, const WalkedGraph& graph, const ProbeBatch& batch,
                                   const ModelSpec& spec, const Architecture& architecture);

}  // namespace valence::onnx
