/// \file
/// ONNX operators on small tensors whose values are known: what exporters make positions, masks and shapes of.
#pragma once

#include <span>
#include <vector>

#include "valence/base/error.h"
#include "valence/model/onnx/node_view.h"
#include "valence/model/onnx/probe_tensor.h"

namespace valence::onnx {

/// The node's outputs. An input that was left out is null. Values are computed in 64 bits whatever the type, which is
/// exact for integers that fit their type and more than exact for floats. Operators: opset 11 to 25.
///
/// Errors: kUnsupported, naming the node: an operator or a form of one that is not known, inputs that do not fit each
/// other, or more elements than `budget` allows. Source: https://onnx.ai/onnx/operators/
Result<std::vector<Numbers>> compute(const NodeView& node, std::span<const Numbers> inputs, ProbeBudget& budget);

}  // namespace valence::onnx
