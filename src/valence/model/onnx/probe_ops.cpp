#include "valence/model/onnx/probe_ops.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "valence/model/onnx/probe_computation.h"

namespace valence::onnx {
namespace {

Output constant_of_shape(const NodeView& node, Computation& c, const Numbers& value) {
  VALENCE_TRY(const Shape shape, c.list(0));
  static const Numbers kZero = std::make_shared<ProbeTensor>(ProbeTensor{OnnxType::kFloat, {1}, {}, {0.0}});
  const Numbers& fill = value ? value : kZero;
  if (fill->elements() != 1) return node.refuse("its value is no single number");
  VALENCE_TRY(auto result, c.room(fill->type, shape));
  std::ranges::fill(result->reals, fill->at(0));
  if (!is_real(fill->type)) std::ranges::fill(result->integers, fill->integers[0]);
  return result;
}

}  // namespace

/// Copies the elements at `offsets` of `from`.
void take(const ProbeTensor& from, std::span<const std::size_t> offsets, ProbeTensor& to) {
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (is_real(from.type)) {
      to.reals[i] = from.reals[offsets[i]];
    } else {
      to.integers[i] = from.integers[offsets[i]];
    }
  }
}

Output with_shape(Computation& c, const Shape& shape) {
  VALENCE_TRY(auto result, c.room(c.input(0).type, shape));
  result->reals = c.input(0).reals;
  result->integers = c.input(0).integers;
  return result;
}

std::int64_t saturate(double value) {
  constexpr double kLimit = 9.2e18;
  return std::isnan(value) ? 0 : static_cast<std::int64_t>(std::clamp(value, -kLimit, kLimit));
}

Result<std::vector<Numbers>> compute(const NodeView& node, std::span<const Numbers> inputs, ProbeBudget& budget) {
  Computation computation(node, inputs, budget);
  if (node.op() != "ConstantOfShape" && node.op() != "Range") VALENCE_TRY_STATUS(computation.need(1));
  if (node.node().outputs.size() != 1) return node.refuse("it has other outputs than one");
  if (node.op() == "ConstantOfShape") {
    VALENCE_TRY_STATUS(computation.need(1));
    VALENCE_TRY(Numbers result, constant_of_shape(node, computation, inputs.size() > 1 ? inputs[1] : nullptr));
    return std::vector<Numbers>{std::move(result)};
  }
  for (const auto operators : {elementwise_operators(), layout_operators(), reducing_operators()}) {
    const auto found = std::ranges::find(operators, node.op(), &NamedOperator::name);
    if (found == operators.end()) continue;
    VALENCE_TRY(Numbers result, found->compute(computation));
    return std::vector<Numbers>{std::move(result)};
  }
  return node.refuse("no encoder of a known kind has such an operator");
}

}  // namespace valence::onnx
