#include "valence/model/onnx/graph_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include "valence/base/json.h"
#include "valence/model/onnx/node_view.h"
#include "valence/model/onnx/probe_ops.h"
#include "valence/model/onnx/shape_rules.h"

namespace valence::onnx {
namespace {

// A batch of one text of 512 tokens makes masks of 2^18 elements; an exporter's way to one has some twenty steps.
constexpr std::uint64_t kMaxElements = 1U << 24U;
constexpr std::uint64_t kMaxLiveElements = 3U << 20U;
constexpr std::int64_t kMaxKnownIntegers = 1 << 20;
constexpr std::int64_t kMaxKnownReals = 4096;
constexpr std::string_view kMicrosoft = "com.microsoft";

/// What a name of the graph stands for: a formula, or numbers that are known, or a stored tensor that may become them.
struct Value {
  Shape shape;
  OnnxType type = OnnxType::kUndefined;
  FormulaId formula = -1;
  WeightRef weight;
  Numbers numbers;
  std::int32_t uses = 0;

  [[nodiscard]] bool is_formula() const { return formula >= 0; }
  [[nodiscard]] bool is_stored() const { return weight.tensor >= 0; }
  [[nodiscard]] std::int64_t elements() const { return static_cast<std::int64_t>(element_count(shape)); }
};

class Walk {
 public:
  Walk(const OnnxFile& file, const ProbeBatch& batch) : file_(file), batch_(batch) {}
  Result<WalkedGraph> run();

 private:
  using Outputs = Result<std::vector<Value>>;

  Status find_needed();
  Status give_inputs();
  Result<const OnnxValueInfo*> logits_output() const;
  Outputs node_outputs(const NodeView& node, std::span<Value* const> inputs);
  Outputs constant(const NodeView& node);
  Outputs on_formulas(const NodeView& node, std::span<Value* const> inputs);
  std::optional<Outputs> on_weights(const NodeView& node, std::span<Value* const> inputs);
  Outputs on_numbers(const NodeView& node, std::span<Value* const> inputs);

  Outputs arithmetic(const NodeView& node, std::span<Value* const> inputs);
  Outputs with_constant(const NodeView& node, Value& formula, Value& constant, bool formula_first);
  Outputs matrix_product(const NodeView& node, std::span<Value* const> inputs);
  Outputs gemm(const NodeView& node, std::span<Value* const> inputs);
  Outputs integer_product(const NodeView& node, std::span<Value* const> inputs);
  Outputs fused_product(const NodeView& node, std::span<Value* const> inputs);
  Outputs dequantized(const NodeView& node, std::span<Value* const> inputs);
  Outputs layer_norm(const NodeView& node, std::span<Value* const> inputs);
  Outputs moved(const NodeView& node, std::span<Value* const> inputs);
  Outputs picked(const NodeView& node, std::span<Value* const> inputs);
  Outputs chosen(const NodeView& node, std::span<Value* const> inputs);
  Outputs powered(const NodeView& node, std::span<Value* const> inputs);
  Outputs averaged(const NodeView& node, std::span<Value* const> inputs);

  Outputs one(FormulaId id) const {
    Value value;
    value.formula = id;
    value.shape = formulas_[id].shape;
    value.type = OnnxType::kFloat;
    return std::vector<Value>{std::move(value)};
  }
  Result<Numbers> numbers(const NodeView& node, Value& value);
  Result<Axes> list(const NodeView& node, std::span<Value* const> inputs, std::size_t i);
  Result<std::optional<Axes>> axes(const NodeView& node, std::span<Value* const> inputs, std::size_t i,
                                   std::string_view attribute);
  [[nodiscard]] std::optional<double> single_number(Value& value);
  [[nodiscard]] bool is_vector_of(const Value& value, std::int64_t extent) const {
    return value.is_stored() && value.shape == Shape{extent};
  }
  void drop(Value& value);

  const OnnxFile& file_;
  const ProbeBatch& batch_;
  Formulas formulas_;
  ProbeBudget budget_{kMaxElements};
  std::uint64_t live_ = 0;
  std::map<std::string_view, std::int32_t> producer_;  // value -> node
  std::map<std::string_view, std::int32_t> uses_;
  std::vector<bool> needed_;
  std::map<std::string_view, Value> values_;
};

Result<const OnnxValueInfo*> Walk::logits_output() const {
  for (const OnnxValueInfo& output : file_.outputs) {
    if (output.name == "logits") return &output;
  }
  if (file_.outputs.size() == 1) return &file_.outputs.front();
  return fail(ErrorCode::kUnsupported, file_.source,
              fmt::format("has {} outputs, none of them named logits: not a classifier", file_.outputs.size()),
              "export it for the task text-classification");
}

/// Marks the nodes that the logits need, and counts how often each value is used.
Status Walk::find_needed() {
  needed_.assign(file_.nodes.size(), false);
  for (std::size_t i = 0; i < file_.nodes.size(); ++i) {
    for (const std::string_view output : file_.nodes[i].outputs) {
      if (output.empty()) continue;
      if (!producer_.emplace(output, static_cast<std::int32_t>(i)).second) {
        return not_understood(file_.source, file_.nodes[i],
                              fmt::format("another node makes {} too", in_quotes(output)));
      }
    }
  }
  VALENCE_TRY(const OnnxValueInfo* const logits, logits_output());
  std::vector<std::string_view> open = {logits->name};
  while (!open.empty()) {
    const std::string_view value = open.back();
    open.pop_back();
    ++uses_[value];
    const auto made_by = producer_.find(value);
    if (made_by == producer_.end()) continue;
    const auto node = static_cast<std::size_t>(made_by->second);
    if (needed_[node]) continue;
    needed_[node] = true;
    for (const std::string_view input : file_.nodes[node].inputs) {
      if (!input.empty()) open.push_back(input);
    }
  }
  return {};
}

Status Walk::give_inputs() {
  for (const OnnxValueInfo& input : file_.inputs) {
    if (file_.initializers.contains(input.name) || !uses_.contains(input.name)) continue;
    const std::vector<std::int64_t>* values = nullptr;
    if (input.name == kInputIds) values = &batch_.input_ids;
    if (input.name == kAttentionMask) values = &batch_.attention_mask;
    if (input.name == kTokenTypeIds) values = &batch_.token_type_ids;
    if (values == nullptr || is_real(input.type)) {
      return fail(ErrorCode::kUnsupported, file_.source,
                  fmt::format("takes the input {}: expected input_ids, attention_mask and token_type_ids, of integers",
                              in_quotes(input.name)),
                  "export it for the task text-classification");
    }
    Value value;
    value.shape = {batch_.batch_size, batch_.sequence_length};
    value.type = input.type;
    value.numbers = make_integers(value.shape, *values, input.type);
    values_.emplace(input.name, std::move(value));
  }
  return {};
}

Result<WalkedGraph> Walk::run() {
  VALENCE_TRY_STATUS(find_needed());
  VALENCE_TRY_STATUS(give_inputs());
  for (const auto& [name, index] : file_.initializers) {
    const OnnxTensor& tensor = file_.tensors[static_cast<std::size_t>(index)];
    Value value;
    value.shape = tensor.dims;
    value.type = tensor.type;
    value.weight.tensor = index;
    if (uses_.contains(name)) values_.emplace(name, std::move(value));
  }
  for (auto& [name, value] : values_) value.uses = uses_[name];
  for (std::size_t i = 0; i < file_.nodes.size(); ++i) {
    if (!needed_[i]) continue;
    const OnnxNode& node = file_.nodes[i];
    std::vector<Value*> inputs;
    for (const std::string_view input : node.inputs) {
      if (input.empty()) {
        inputs.push_back(nullptr);
        continue;
      }
      const auto found = values_.find(input);
      if (found == values_.end()) {
        return not_understood(file_.source, node,
                              fmt::format("its input {} is made by no earlier node", in_quotes(input)));
      }
      inputs.push_back(&found->second);
    }
    formulas_.at_node(static_cast<std::int32_t>(i));
    VALENCE_TRY(std::vector<Value> outputs, node_outputs(NodeView(file_, node), inputs));
    for (std::size_t o = 0; o < node.outputs.size() && o < outputs.size(); ++o) {
      const auto used = uses_.find(node.outputs[o]);
      if (used == uses_.end()) continue;
      Value& value = outputs[o];
      value.uses = used->second;
      if (value.numbers) live_ += value.numbers->elements();
      if (live_ > kMaxLiveElements) {
        return not_understood(file_.source, node,
                              "up to here the graph keeps more of shapes and masks than any encoder's");
      }
      values_.emplace(node.outputs[o], std::move(value));
    }
    for (Value* const input : inputs) {
      if (input != nullptr && --input->uses <= 0) drop(*input);
    }
  }
  VALENCE_TRY(const OnnxValueInfo* const logits, logits_output());
  const auto found = values_.find(logits->name);
  if (found == values_.end() || !found->second.is_formula()) {
    return fail(ErrorCode::kUnsupported, file_.source,
                fmt::format("its output {} does not depend on the text", in_quotes(logits->name)));
  }
  return WalkedGraph{std::move(formulas_), found->second.formula};
}

/// Numbers that nobody asks for again.
void Walk::drop(Value& value) {
  if (!value.numbers || value.is_formula()) return;
  if (!value.is_stored()) live_ -= std::min<std::uint64_t>(live_, value.numbers->elements());
  value.numbers = nullptr;
}

Result<Numbers> Walk::numbers(const NodeView& node, Value& value) {
  if (value.numbers) return value.numbers;
  if (!value.is_stored() || value.weight.transposed || value.weight.scale >= 0) {
    return node.refuse("it computes with weights what no encoder does");
  }
  const OnnxTensor& tensor = file_.tensors[static_cast<std::size_t>(value.weight.tensor)];
  if (value.elements() > (is_real(tensor.type) ? kMaxKnownReals : kMaxKnownIntegers)) {
    return node.refuse("it computes with weights what no encoder does");
  }
  if (!budget_.spend(static_cast<std::size_t>(value.elements()))) {
    return node.refuse("up to here the graph computes more with constants than any encoder's");
  }
  return numbers_of(tensor);
}

std::optional<double> Walk::single_number(Value& value) {
  if (value.is_formula() || value.elements() != 1) return std::nullopt;
  if (value.numbers) return value.numbers->at(0);
  if (!value.is_stored() || value.weight.scale >= 0) return std::nullopt;
  return numbers_of(file_.tensors[static_cast<std::size_t>(value.weight.tensor)])->at(0);
}

Result<Axes> Walk::list(const NodeView& node, std::span<Value* const> inputs, std::size_t i) {
  if (i >= inputs.size() || inputs[i] == nullptr || inputs[i]->is_formula()) return node.refuse("an input is missing");
  VALENCE_TRY(const Numbers values, numbers(node, *inputs[i]));
  if (is_real(values->type) || values->shape.size() > 1) return node.refuse("an input is no list of integers");
  return values->integers;
}

Result<std::optional<Axes>> Walk::axes(const NodeView& node, std::span<Value* const> inputs, std::size_t i,
                                       std::string_view attribute) {
  if (const auto* values = node.integers(attribute)) return std::optional(*values);
  if (i >= inputs.size() || inputs[i] == nullptr) return std::optional<Axes>();
  VALENCE_TRY(Axes values, list(node, inputs, i));
  return std::optional(std::move(values));
}

Walk::Outputs Walk::constant(const NodeView& node) {
  Value value;
  for (const OnnxAttribute& attribute : node.node().attributes) {
    if (attribute.name == "value" && attribute.tensor >= 0) {
      const OnnxTensor& tensor = file_.tensors[static_cast<std::size_t>(attribute.tensor)];
      value.weight.tensor = attribute.tensor;
      value.shape = tensor.dims;
      value.type = tensor.type;
      return std::vector<Value>{value};
    }
    if (attribute.name == "value_int" && attribute.integer) value.numbers = make_integers({}, {*attribute.integer});
    if (attribute.name == "value_ints") {
      value.numbers = make_integers({static_cast<std::int64_t>(attribute.integers.size())}, attribute.integers);
    }
    const bool is_float = attribute.name == "value_float" && attribute.number;
    if (is_float || attribute.name == "value_floats") {
      auto reals = std::make_shared<ProbeTensor>();
      reals->type = OnnxType::kFloat;
      if (is_float) {
        reals->reals = {static_cast<double>(*attribute.number)};
      } else {
        reals->reals.assign(attribute.numbers.begin(), attribute.numbers.end());
        reals->shape = {static_cast<std::int64_t>(attribute.numbers.size())};
      }
      value.numbers = reals;
    }
  }
  if (!value.numbers) return node.refuse("its value is no tensor of numbers");
  value.shape = value.numbers->shape;
  value.type = value.numbers->type;
  return std::vector<Value>{value};
}

Walk::Outputs Walk::node_outputs(const NodeView& node, std::span<Value* const> inputs) {
  const std::string_view domain = node.node().domain;
  if (!domain.empty() && domain != kMicrosoft) return node.refuse("the operators of its domain are not known");
  if (std::ranges::any_of(node.node().attributes, &OnnxAttribute::has_graph)) {
    return node.refuse("it has a graph of its own, and no encoder branches");
  }
  if (node.op() == "Constant" && domain.empty()) return constant(node);
  if (node.op() == "Shape" && !inputs.empty() && inputs[0] != nullptr && !inputs[0]->numbers) {
    auto stand_in = std::make_shared<ProbeTensor>();  // only its shape is looked at
    stand_in->shape = inputs[0]->shape;
    const std::array<Numbers, 1> only = {stand_in};
    VALENCE_TRY(const auto shapes, compute(node, only, budget_));
    Value value;
    value.numbers = shapes.front();
    value.shape = value.numbers->shape;
    value.type = value.numbers->type;
    return std::vector<Value>{std::move(value)};
  }
  const bool has_formula =
      std::ranges::any_of(inputs, [](const Value* input) { return input != nullptr && input->is_formula(); });
  if (has_formula) return on_formulas(node, inputs);
  if (auto outputs = on_weights(node, inputs)) return std::move(*outputs);
  if (!domain.empty()) return node.refuse("no encoder of a known kind has such an operator");
  return on_numbers(node, inputs);
}

/// What leaves a stored tensor one: it is turned, cast or given its scale; or a table, of which rows are taken.
std::optional<Walk::Outputs> Walk::on_weights(const NodeView& node, std::span<Value* const> inputs) {
  if (inputs.empty() || inputs[0] == nullptr || !inputs[0]->is_stored()) return std::nullopt;
  const Value& stored = *inputs[0];
  if (node.op() == "Identity") {
    Value same = stored;
    same.numbers = nullptr;
    return Outputs(std::vector<Value>{std::move(same)});
  }
  if (node.op() == "DequantizeLinear") return dequantized(node, inputs);
  const bool is_weight = is_real(stored.type) || stored.type == OnnxType::kInt8 || stored.type == OnnxType::kUint8;
  if (!is_weight) return std::nullopt;
  if (node.op() == "Cast" && is_real(stored.type) && is_real(static_cast<OnnxType>(node.integer("to", 0))) &&
      stored.elements() > 1) {
    Value same = stored;
    same.numbers = nullptr;
    return Outputs(std::vector<Value>{std::move(same)});
  }
  if (stored.shape.size() != 2) return std::nullopt;
  if (node.op() == "Transpose") {
    const auto order = permutation(node.integers("perm"), 2);
    if (!order) return Outputs(node.refuse("its permutation"));
    Value turned = stored;
    turned.numbers = nullptr;
    if (order->front() == 1) {
      turned.weight.transposed = !turned.weight.transposed;
      std::swap(turned.shape[0], turned.shape[1]);
    }
    return Outputs(std::vector<Value>{std::move(turned)});
  }
  if (node.op() == "Gather" && inputs.size() == 2 && inputs[1] != nullptr && node.integer("axis", 0) == 0 &&
      !stored.weight.transposed) {
    const auto take = [&]() -> Outputs {
      VALENCE_TRY(const Numbers rows, numbers(node, *inputs[1]));
      if (is_real(rows->type)) return node.refuse("its indices are no integers");
      Shape shape = rows->shape;
      shape.push_back(stored.shape[1]);
      return one(formulas_.make(
          {.kind = FormulaKind::kEmbedding, .weight = stored.weight, .numbers = rows, .shape = std::move(shape)}));
    };
    return take();
  }
  return std::nullopt;
}

Walk::Outputs Walk::on_numbers(const NodeView& node, std::span<Value* const> inputs) {
  std::vector<Numbers> known;
  for (Value* const input : inputs) {
    if (input == nullptr) {
      known.push_back(nullptr);
      continue;
    }
    VALENCE_TRY(Numbers one_known, numbers(node, *input));
    known.push_back(std::move(one_known));
  }
  if (node.op() == "ConstantOfShape") {
    const OnnxAttribute* const fill = node.node().attribute("value");
    if (fill != nullptr && fill->tensor >= 0) {
      const OnnxTensor& tensor = file_.tensors[static_cast<std::size_t>(fill->tensor)];
      if (tensor.elements() != 1) return node.refuse("its value is no single number");
      known.push_back(numbers_of(tensor));
    }
  }
  VALENCE_TRY(const std::vector<Numbers> results, compute(node, known, budget_));
  std::vector<Value> outputs;
  for (const Numbers& result : results) {
    Value value;
    value.numbers = result;
    value.shape = result->shape;
    value.type = result->type;
    outputs.push_back(std::move(value));
  }
  return outputs;
}

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
  if (is_microsoft) return node.refuse("no encoder of a known kind has such an operator");
  if (op == "Add" || op == "Sub" || op == "Mul" || op == "Div") return arithmetic(node, inputs);
  if (op == "MatMul") return matrix_product(node, inputs);
  if (op == "Gemm") return gemm(node, inputs);
  if (op == "MatMulInteger") return integer_product(node, inputs);
  if (op == "DequantizeLinear") return dequantized(node, inputs);
  if (op == "LayerNormalization") return layer_norm(node, inputs);
  if (op == "Gather" || op == "Slice") return picked(node, inputs);
  if (op == "Where") return chosen(node, inputs);
  if (op == "Pow") return powered(node, inputs);
  if (op == "ReduceMean") return averaged(node, inputs);
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
  if (!shape) return node.refuse("its inputs do not fit each other");
  if (node.op() == "Add") return one(formulas_.add(a.formula, b.formula, std::move(*shape)));
  if (node.op() == "Sub") return one(formulas_.subtract(a.formula, b.formula, std::move(*shape)));
  if (node.op() == "Mul") return one(formulas_.multiply(a.formula, b.formula, std::move(*shape)));
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
  if (adds && constant.numbers && broadcast_shape({&formula.shape, &constant.shape}) == formula.shape) {
    return one(
        formulas_.make({.kind = FormulaKind::kMask, .a = id, .numbers = constant.numbers, .shape = formula.shape}));
  }
  return node.refuse("no encoder of a known kind does this to its activations");
}

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
  if (outer_a != outer_b) return node.refuse("its inputs do not fit each other");
  Shape shape = a.shape;
  shape.back() = b.shape.back();
  return one(formulas_.product(a.formula, b.formula, std::move(shape)));
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
  Formula rows = formulas_[value.formula];
  if (rows.kind != FormulaKind::kEmbedding || rows.weight.scale >= 0 || inputs[1]->elements() != 1) {
    return node.refuse("expected stored integers, or rows of them with one scale");
  }
  rows.weight = with_scale(rows.weight);
  return one(formulas_.make(std::move(rows)));
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

Walk::Outputs Walk::moved(const NodeView& node, std::span<Value* const> inputs) {
  if (inputs[0] == nullptr || !inputs[0]->is_formula()) return node.refuse("its first input is no activation");
  const FormulaId id = inputs[0]->formula;
  const Shape& own = inputs[0]->shape;
  if (node.op() == "Transpose") {
    const auto order = permutation(node.integers("perm"), own.size());
    if (!order) return node.refuse("its permutation");
    return one(formulas_.transpose(id, *order));
  }
  std::optional<Shape> shape;
  if (node.op() == "Reshape") {
    VALENCE_TRY(const Axes wanted, list(node, inputs, 1));
    shape = reshaped(own, wanted, node.integer("allowzero", 0) == 1);
  } else if (node.op() == "Flatten") {
    shape = flattened(own, node.integer("axis", 1));
  } else {
    VALENCE_TRY(const auto given, axes(node, inputs, 1, "axes"));
    if (node.op() == "Squeeze") shape = squeezed(own, given);
    if (node.op() == "Unsqueeze" && given) shape = unsqueezed(own, *given);
  }
  const FormulaId moved = shape ? formulas_.reshape(id, *shape) : -1;
  if (moved < 0) return node.refuse(fmt::format("it does not fit activations of the shape {}", to_string(own)));
  return one(moved);
}

/// Of [batch, tokens, features] the first token, or all of an axis.
Walk::Outputs Walk::picked(const NodeView& node, std::span<Value* const> inputs) {
  if (inputs[0] == nullptr || !inputs[0]->is_formula()) return node.refuse("its first input is no activation");
  const FormulaId id = inputs[0]->formula;
  const Shape& own = inputs[0]->shape;
  constexpr auto kOnlyFirst = "of activations only the first token is expected to be taken";
  if (node.op() == "Gather") {
    const bool fits = inputs.size() == 2 && inputs[1] != nullptr && own.size() == 3 &&
                      (node.integer("axis", 0) == 1 || node.integer("axis", 0) == -2) && inputs[1]->elements() == 1;
    const auto index = fits ? single_number(*inputs[1]) : std::nullopt;
    if (!index || *index != 0) return node.refuse(kOnlyFirst);
    const FormulaId first = formulas_.first_row(id);
    return one(inputs[1]->shape.empty() ? first : formulas_.reshape(first, {own[0], 1, own[2]}));
  }
  VALENCE_TRY(const auto starts, axes(node, inputs, 1, "starts"));
  VALENCE_TRY(const auto ends, axes(node, inputs, 2, "ends"));
  VALENCE_TRY(const auto along, axes(node, inputs, 3, "axes"));
  VALENCE_TRY(const auto steps, axes(node, inputs, 4, "steps"));
  const auto cut = starts && ends ? sliced(own, *starts, *ends, along, steps) : std::nullopt;
  if (!cut || std::ranges::any_of(cut->steps, [](std::int64_t step) { return step != 1; }))
    return node.refuse("its bounds");
  if (cut->shape == own) return one(id);
  if (own.size() == 3 && cut->shape == Shape{own[0], 1, own[2]} && cut->starts == Axes{0, 0, 0}) {
    return one(formulas_.reshape(formulas_.first_row(id), cut->shape));
  }
  return node.refuse(kOnlyFirst);
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
                             .numbers = std::move(condition),
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

}  // namespace

Result<WalkedGraph> walk_graph(const OnnxFile& file, const ProbeBatch& batch) { return Walk(file, batch).run(); }

}  // namespace valence::onnx
