#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "valence/model/onnx/graph_walker.h"
#include "valence/model/onnx/shape_rules.h"

namespace valence::onnx {

Walk::Outputs Walk::matrix_product(const NodeView& node, std::span<Value* const> inputs) {
  if (inputs.size() != 2 || inputs[0] == nullptr || inputs[1] == nullptr || !inputs[0]->is_formula()) {
    return node.refuse("its first input is no activation");
  }
  const Value& a = *inputs[0];
  const Value& b = *inputs[1];
  if (a.shape.size() < 2 || b.shape.size() < 2) return node.refuse("its inputs are no matrices");
  if (a.shape.back() != b.shape[b.shape.size() - 2]) return node.refuse("its inputs do not fit each other");
  if (b.is_stored() && b.shape.size() == 2) return one(formulas_.linear(a.formula, b.weight, b.shape[1]));
  if (!b.is_formula()) return node.refuse("its second input is neither an activation nor a stored matrix");
  const Shape outer_a(a.shape.begin(), a.shape.end() - 2);
  const Shape outer_b(b.shape.begin(), b.shape.end() - 2);
  auto shape = broadcast_shape({&outer_a, &outer_b});
  if (!shape) return node.refuse("its inputs do not fit each other");
  shape->insert(shape->end(), {a.shape[a.shape.size() - 2], b.shape.back()});
  if (!is_reasonable(*shape)) return node.refuse("its inputs do not fit each other");
  return one_view(node, formulas_.product(a.formula, b.formula, *shape), a.shape);
}

Walk::Outputs Walk::gemm(const NodeView& node, std::span<Value* const> inputs) {
  const bool fits = inputs.size() >= 2 && inputs[0] != nullptr && inputs[0]->is_formula() && inputs[1] != nullptr &&
                    inputs[1]->is_stored() && inputs[0]->shape.size() == 2 && inputs[1]->shape.size() == 2;
  const bool has_bias = inputs.size() == 3 && inputs[2] != nullptr;
  if (!fits || node.integer("transA", 0) != 0 || node.number("alpha", 1) != 1 ||
      (has_bias && node.number("beta", 1) != 1)) {
    return node.refuse("expected activations times a stored matrix, plus a bias, without factors");
  }
  WeightRef matrix = inputs[1]->weight;
  Shape shape = inputs[1]->shape;
  if (node.integer("transB", 0) != 0) {
    matrix.transposed = !matrix.transposed;
    std::swap(shape[0], shape[1]);
  }
  if (inputs[0]->shape[1] != shape[0]) return node.refuse("its inputs do not fit each other");
  FormulaId id = formulas_.linear(inputs[0]->formula, matrix, shape[1]);
  if (has_bias) {
    if (!is_vector_of(*inputs[2], shape[1])) return node.refuse("its bias is no stored vector, one element an output");
    id = formulas_.shift_by(id, inputs[2]->weight);
  }
  return one(id);
}

Walk::Outputs Walk::integer_product(const NodeView& node, std::span<Value* const> inputs) {
  const auto formula_of = [&](std::size_t i, FormulaKind kind) -> const Formula* {
    if (i >= inputs.size() || inputs[i] == nullptr || !inputs[i]->is_formula()) return nullptr;
    const Formula& formula = formulas_[inputs[i]->formula];
    return formula.kind == kind ? &formula : nullptr;
  };
  const Formula* const quantized = formula_of(0, FormulaKind::kQuantized);
  const Formula* const zero = formula_of(2, FormulaKind::kQuantZero);
  const bool fits = quantized != nullptr && zero != nullptr && zero->a == quantized->a && inputs[1] != nullptr &&
                    inputs[1]->is_stored() && inputs[1]->shape.size() == 2 && inputs[1]->weight.scale < 0 &&
                    quantized->shape.back() == inputs[1]->shape[0];
  const bool has_zero = inputs.size() == 4 && inputs[3] != nullptr;
  if (!fits || (has_zero && !inputs[3]->is_stored())) {
    return node.refuse("expected what DynamicQuantizeLinear made, times stored integers");
  }
  Formula product{.kind = FormulaKind::kIntProduct, .a = quantized->a, .weight = inputs[1]->weight};
  if (has_zero) product.weight.zero_point = inputs[3]->weight.tensor;
  product.shape = quantized->shape;
  product.shape.back() = inputs[1]->shape[1];
  return one(formulas_.make(std::move(product)));
}

/// onnxruntime's fusions of the same: DynamicQuantizeMatMul(a, b, b_scale, b_zero, bias) and
/// MatMulIntegerToFloat(a, b, a_scale, b_scale, a_zero, b_zero, bias).
Walk::Outputs Walk::fused_product(const NodeView& node, std::span<Value* const> inputs) {
  const bool is_dynamic = node.op() == "DynamicQuantizeMatMul";
  const std::size_t scale_at = is_dynamic ? 2 : 3;
  const std::size_t zero_at = is_dynamic ? 3 : 5;
  const std::size_t bias_at = is_dynamic ? 4 : 6;
  const auto stored = [&](std::size_t i) {
    return i < inputs.size() && inputs[i] != nullptr && inputs[i]->is_stored();
  };
  if (inputs.size() <= scale_at || !inputs[0]->is_formula() || !stored(1) || !stored(scale_at) ||
      inputs[1]->shape.size() != 2 || inputs[0]->shape.empty() || inputs[0]->shape.back() != inputs[1]->shape[0]) {
    return node.refuse("expected activations times stored integers with their scales");
  }
  FormulaId activations = inputs[0]->formula;
  if (!is_dynamic) {
    const Formula& quantized = formulas_[activations];
    const bool fits = quantized.kind == FormulaKind::kQuantized && inputs[2] != nullptr && inputs[2]->is_formula() &&
                      formulas_[inputs[2]->formula].kind == FormulaKind::kQuantScale &&
                      formulas_[inputs[2]->formula].a == quantized.a && inputs.size() > 4 && inputs[4] != nullptr &&
                      inputs[4]->is_formula() && formulas_[inputs[4]->formula].kind == FormulaKind::kQuantZero &&
                      formulas_[inputs[4]->formula].a == quantized.a;
    if (!fits) return node.refuse("expected what DynamicQuantizeLinear made, times stored integers");
    activations = quantized.a;
  }
  WeightRef weight = inputs[1]->weight;
  weight.scale = inputs[scale_at]->weight.tensor;
  weight.axis = weight.transposed ? 0 : 1;
  if (stored(zero_at)) weight.zero_point = inputs[zero_at]->weight.tensor;
  FormulaId id = formulas_.linear(activations, weight, inputs[1]->shape[1]);
  if (inputs.size() > bias_at && inputs[bias_at] != nullptr) {
    if (!is_vector_of(*inputs[bias_at], inputs[1]->shape[1])) return node.refuse("its bias is no stored vector");
    id = formulas_.shift_by(id, inputs[bias_at]->weight);
  }
  return one(id);
}

/// Of a stored matrix, or of rows that were taken from one.
Walk::Outputs Walk::dequantized(const NodeView& node, std::span<Value* const> inputs) {
  const bool has_zero = inputs.size() == 3 && inputs[2] != nullptr;
  if (inputs.size() < 2 || inputs[0] == nullptr || inputs[1] == nullptr || !inputs[1]->is_stored() ||
      (has_zero && !inputs[2]->is_stored()) || node.integer("block_size", 0) != 0) {
    return node.refuse("expected stored integers with stored scales");
  }
  Value value = *inputs[0];
  value.numbers = nullptr;
  value.type = OnnxType::kFloat;
  const auto with_scale = [&](WeightRef weight) {
    weight.scale = inputs[1]->weight.tensor;
    weight.zero_point = has_zero ? inputs[2]->weight.tensor : -1;
    return weight;
  };
  if (value.is_stored()) {
    if (value.weight.scale >= 0 || value.weight.transposed) return node.refuse("its input is no stored integers");
    value.weight = with_scale(value.weight);
    const std::int64_t axis = node.integer("axis", 1);
    value.weight.axis =
        static_cast<std::int32_t>(axis < 0 ? axis + static_cast<std::int64_t>(value.shape.size()) : axis);
    return std::vector<Value>{std::move(value)};
  }
  // Rows, or a view of them: what only moves integers stands before.
  Formula rows = formulas_[formulas_.behind_view(value.formula)];
  if (rows.kind != FormulaKind::kEmbedding || rows.weight.scale >= 0 || inputs[1]->elements() != 1) {
    return node.refuse("expected stored integers, or rows of them with one scale");
  }
  rows.weight = with_scale(rows.weight);
  Formula view = formulas_[value.formula];
  const FormulaId dequantised = formulas_.make(std::move(rows));
  if (view.kind != FormulaKind::kView) return one(dequantised);
  view.a = dequantised;
  return one(formulas_.make(std::move(view)));
}

Walk::Outputs Walk::layer_norm(const NodeView& node, std::span<Value* const> inputs) {
  const bool fits = inputs.size() >= 2 && inputs[0] != nullptr && inputs[0]->is_formula() &&
                    !inputs[0]->shape.empty() && inputs[1] != nullptr &&
                    is_vector_of(*inputs[1], inputs[0]->shape.back());
  const bool has_bias = inputs.size() == 3 && inputs[2] != nullptr;
  const std::int64_t axis = node.integer("axis", -1);
  if (!fits || (has_bias && !is_vector_of(*inputs[2], inputs[0]->shape.back())) ||
      (axis != -1 && axis != static_cast<std::int64_t>(inputs[0]->shape.size()) - 1)) {
    return node.refuse("expected activations, normalised over their last axis, with stored weights");
  }
  return one(formulas_.normalize(inputs[0]->formula, static_cast<double>(node.number("epsilon", 1e-5F)),
                                 inputs[1]->weight, has_bias ? inputs[2]->weight : WeightRef{}));
}

}  // namespace valence::onnx
