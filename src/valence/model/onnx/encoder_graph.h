/// \file
/// The forward pass of a classifier as an ONNX graph, written once for all architectures, as model/encoder.h runs it.
#pragma once

#include <string>

#include "valence/base/error.h"
#include "valence/model/arch/architecture.h"
#include "valence/model/head_spec.h"
#include "valence/model/onnx_export.h"
#include "valence/model/weights.h"

namespace valence::onnx {

/// A ModelProto as onnx_export.h describes it. Without `weights` the parameters are outlines, named as `architecture`
/// names them: what a graph of such a model is compared with (formula_match.h).
///
/// Errors: kUnsupported for what no graph is made of yet, and for weights of more than the format's 2 GB. `source`
/// names the model.
Result<std::string> encoder_graph(const ModelSpec& spec, const Architecture& architecture, const ModelWeights* weights,
                                  OnnxWeightType type, const std::string& source);

}  // namespace valence::onnx
