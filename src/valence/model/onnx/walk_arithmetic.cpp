#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "valence/model/onnx/graph_walker.h"
#include "valence/model/onnx/shape_rules.h"

namespace valence::onnx {
namespace {

Numbers reciprocals(const ProbeTensor& numbers) {
  auto result = std::make_shared<ProbeTensor>(numbers);
  for (double& value : result->reals) value = 1 / value;
  return result;
}

}  // namespace

Walk::Outputs Walk::on_formulas(const NodeView& node, std::span<Value* const> inputs) {
  const std::string_view op = node.op();
  const bool is_microsoft = !node.node().domain.empty();
  Value* const first = inputs[0];
  const auto is_alone = [&] { return first != nullptr && first->is_formula() && inputs.size() == 1; };
  const auto unary = [&](FormulaKind kind) { return one(formulas_.unary(kind, first->formula)); };
  if (op == "MatMulIntegerToFloat" || op == "DynamicQuantizeMatMul") return fused_product(node, inputs);
  if (op == "Gelu" && is_alone()) {
    return unary(node.text("approximate", "none") == "tanh" ? FormulaKind::kGeluTanh : FormulaKind::kGelu);
  }
  if (is_microsoft) return fused(node, inputs);
  if (op == "Add" || op == "Sub" || op == "Mul" || op == "Div") return arithmetic(node, inputs);
  if (op == "MatMul") return matrix_product(node, inputs);
  if (op == "Gemm") return gemm(node, inputs);
  if (op == "MatMulInteger") return integer_product(node, inputs);
  if (op == "DequantizeLinear") return dequantized(node, inputs);
  if (op == "LayerNormalization") return layer_norm(node, inputs);
  if (op == "Gather" || op == "GatherND") return picked(node, inputs);
  if (op == "GatherElements") return taken(node, inputs);
  if (op == "Slice") return cut(node, inputs);
  if (op == "Split") return split(node, inputs);
  if (op == "Expand" || op == "Tile") return expanded(node, inputs);
  if (op == "Concat") return joined(node, inputs);
  if (op == "Where") return chosen(node, inputs);
  if (op == "Pow") return powered(node, inputs);
  if (op == "ReduceMean") return averaged(node, inputs);
  if (op == "ReduceSum") return summed(node, inputs);
  if (op == "Reshape" || op == "Transpose" || op == "Squeeze" || op == "Unsqueeze" || op == "Flatten") {
    return moved(node, inputs);
  }
  if (op == "Dropout" && first != nullptr && first->is_formula()) return one(first->formula);  // inference: identity
  if (!is_alone()) return node.refuse("no encoder of a known kind has such an operator");
  if (op == "Identity") return one(first->formula);
  if (op == "Cast") {
    // Halves and floats: we compute in f32 throughout. Integers: the sums of MatMulInteger, exact in either.
    if (!is_real(static_cast<OnnxType>(node.integer("to", 0)))) return node.refuse("it makes integers of activations");
    return one(first->formula);
  }
  if (op == "Tanh") return unary(FormulaKind::kTanh);
  if (op == "Relu") return unary(FormulaKind::kRelu);
  if (op == "Erf") return unary(FormulaKind::kErf);
  if (op == "Sigmoid") return unary(FormulaKind::kSigmoid);
  if (op == "Sqrt") return unary(FormulaKind::kSqrt);
  if (op == "Reciprocal") return unary(FormulaKind::kReciprocal);
  if (op == "IsNaN") return unary(FormulaKind::kIsNan);
  if (op == "Neg") return one(formulas_.scale(first->formula, -1));
  if (op == "Softmax") {
    const auto rank = static_cast<std::int64_t>(first->shape.size());
    const std::int64_t axis = node.integer("axis", node.opset() < 13 ? 1 : -1);
    if (axis != -1 && axis != rank - 1) return node.refuse("its axis is not the last");
    return unary(FormulaKind::kSoftmax);
  }
  if (op == "DynamicQuantizeLinear") {
    VALENCE_TRY(auto outputs, unary(FormulaKind::kQuantized));
    for (const FormulaKind kind : {FormulaKind::kQuantScale, FormulaKind::kQuantZero}) {
      VALENCE_TRY(auto single, one(formulas_.make({.kind = kind, .a = first->formula, .shape = {}})));
      outputs.push_back(std::move(single.front()));
    }
    return outputs;
  }
  return node.refuse("no encoder of a known kind has such an operator");
}

Walk::Outputs Walk::arithmetic(const NodeView& node, std::span<Value* const> inputs) {
  if (inputs.size() != 2 || inputs[0] == nullptr || inputs[1] == nullptr) return node.refuse("it needs two inputs");
  Value& a = *inputs[0];
  Value& b = *inputs[1];
  if (!a.is_formula()) return with_constant(node, b, a, false);
  if (!b.is_formula()) return with_constant(node, a, b, true);
  auto shape = broadcast_shape({&a.shape, &b.shape});
  if (!shape || !is_reasonable(*shape)) return node.refuse("its inputs do not fit each other");
  if (node.op() == "Add") return one(formulas_.add(a.formula, b.formula, *shape));
  if (node.op() == "Sub") return one(formulas_.subtract(a.formula, b.formula, std::move(*shape)));
  if (node.op() == "Mul") return one(formulas_.multiply(a.formula, b.formula, *shape));
  return one(formulas_.divide(a.formula, b.formula, std::move(*shape)));
}

/// An activation and something that is known: a number, a vector of weights, or a mask.
Walk::Outputs Walk::with_constant(const NodeView& node, Value& formula, Value& constant, bool formula_first) {
  const FormulaId id = formula.formula;
  const bool adds = node.op() == "Add";
  const bool multiplies = node.op() == "Mul";
  if (multiplies && formulas_[id].kind == FormulaKind::kQuantScale && constant.is_stored()) {
    return one(formulas_.scale_by(id, constant.weight));
  }
  // A vector of one element is a bias where there is one output, and a number everywhere else.
  const bool is_single_bias = adds && formulas_[formulas_.behind_view(id)].kind == FormulaKind::kLinear &&
                              !formula.shape.empty() && formula.shape.back() == 1;
  if (constant.elements() > 1 || is_single_bias) {
    const bool is_vector = !formula.shape.empty() && is_vector_of(constant, formula.shape.back());
    if (is_vector && adds) return one(formulas_.shift_by(id, constant.weight));
    if (is_vector && multiplies) return one(formulas_.scale_by(id, constant.weight));
  }
  if (const auto number = single_number(constant)) {
    if (adds) return one(formulas_.shift(id, *number));
    if (multiplies) return one(formulas_.scale(id, *number));
    if (node.op() == "Sub") {
      return one(formulas_.shift(formula_first ? id : formulas_.scale(id, -1), formula_first ? -*number : *number));
    }
    if (formula_first && *number != 0) return one(formulas_.scale(id, 1 / *number));
    if (!formula_first) return one(formulas_.scale(formulas_.unary(FormulaKind::kReciprocal, id), *number));
  }
  const bool divides = node.op() == "Div" && formula_first;
  if ((adds || multiplies || divides) && broadcast_shape({&formula.shape, &constant.shape}) == formula.shape) {
    VALENCE_TRY(const Numbers known, numbers(node, constant));
    if (!is_real(known->type)) return node.refuse("it mixes integers with activations");
    if (multiplies) return one(formulas_.times(id, known));
    if (divides) return one(formulas_.times(id, reciprocals(*known)));
    return one(formulas_.make(
        {.kind = FormulaKind::kMask, .a = id, .numbers = formulas_.intern(known), .shape = formula.shape}));
  }
  return node.refuse("no encoder of a known kind does this to its activations");
}

/// Where: masked scores, or the guard against rows of a softmax in which all is masked.
Walk::Outputs Walk::chosen(const NodeView& node, std::span<Value* const> inputs) {
  if (inputs.size() != 3 || inputs[0] == nullptr || inputs[1] == nullptr || inputs[2] == nullptr) {
    return node.refuse("it needs three inputs");
  }
  const auto otherwise = single_number(*inputs[1]);
  if (inputs[0]->is_formula()) {
    const Formula& condition = formulas_[inputs[0]->formula];
    if (condition.kind == FormulaKind::kIsNan && otherwise && *otherwise == 0 && inputs[2]->is_formula() &&
        inputs[2]->formula == condition.a && formulas_[condition.a].kind == FormulaKind::kSoftmax) {
      return one(condition.a);
    }
    return node.refuse("no encoder of a known kind chooses by its activations");
  }
  const bool fills_where_true = otherwise.has_value() && inputs[2]->is_formula();
  const auto other = single_number(*inputs[2]);
  if (!fills_where_true && (!other || !inputs[1]->is_formula())) return node.refuse("its inputs are no masked scores");
  VALENCE_TRY(Numbers condition, numbers(node, *inputs[0]));
  const Value& scores = *inputs[fills_where_true ? 2 : 1];
  if (is_real(condition->type) || broadcast_shape({&condition->shape, &scores.shape}) != scores.shape) {
    return node.refuse("its inputs do not fit each other");
  }
  if (!fills_where_true) {
    auto inverse = std::make_shared<ProbeTensor>(*condition);
    for (std::int64_t& value : inverse->integers) value = value == 0;
    condition = std::move(inverse);
  }
  return one(formulas_.make({.kind = FormulaKind::kFill,
                             .a = scores.formula,
                             .number = fills_where_true ? *otherwise : *other,
                             .numbers = formulas_.intern(condition),
                             .shape = scores.shape}));
}

Walk::Outputs Walk::powered(const NodeView& node, std::span<Value* const> inputs) {
  const auto exponent = inputs.size() == 2 && inputs[0] != nullptr && inputs[0]->is_formula() && inputs[1] != nullptr
                            ? single_number(*inputs[1])
                            : std::nullopt;
  if (!exponent || (*exponent != 2 && *exponent != 3)) return node.refuse("its exponent is neither 2 nor 3");
  const FormulaId x = inputs[0]->formula;
  FormulaId power = formulas_.multiply(x, x, inputs[0]->shape);
  if (*exponent == 3) power = formulas_.multiply(x, power, inputs[0]->shape);
  return one(power);
}

Walk::Outputs Walk::averaged(const NodeView& node, std::span<Value* const> inputs) {
  if (inputs[0] == nullptr || !inputs[0]->is_formula()) return node.refuse("its first input is no activation");
  VALENCE_TRY(const auto along, axes(node, inputs, 1, "axes"));
  const auto rank = static_cast<std::int64_t>(inputs[0]->shape.size());
  if (!along || along->size() != 1 || (along->front() != -1 && along->front() != rank - 1) || rank == 0 ||
      node.integer("keepdims", 1) != 1) {
    return node.refuse("expected the mean over the last axis, which stays");
  }
  Shape shape = inputs[0]->shape;
  shape.back() = 1;
  return one(formulas_.make({.kind = FormulaKind::kMean, .a = inputs[0]->formula, .shape = std::move(shape)}));
}

/// The sum over the tokens, which go.
Walk::Outputs Walk::summed(const NodeView& node, std::span<Value* const> inputs) {
  if (inputs[0] == nullptr || !inputs[0]->is_formula()) return node.refuse("its first input is no activation");
  VALENCE_TRY(const auto along, axes(node, inputs, 1, "axes"));
  const Shape& own = inputs[0]->shape;
  if (!along || *along != Axes{1} || own.size() != 3) return node.refuse("expected the sum over the tokens");
  const FormulaId sum =
      formulas_.make({.kind = FormulaKind::kSum, .a = inputs[0]->formula, .number = 1, .shape = {own[0], own[2]}});
  return one(node.integer("keepdims", 1) == 1 ? formulas_.reshape(sum, {own[0], 1, own[2]}) : sum);
}

}  // namespace valence::onnx
