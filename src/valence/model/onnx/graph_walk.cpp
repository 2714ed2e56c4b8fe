#include "valence/model/onnx/graph_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <utility>

#include "valence/base/json.h"
#include "valence/model/onnx/graph_walker.h"
#include "valence/model/onnx/probe_ops.h"

namespace valence::onnx {
namespace {

// Three masks of a text of a thousand tokens.
constexpr std::uint64_t kMaxLiveElements = 3U << 20U;
constexpr std::int64_t kMaxKnownIntegers = 1 << 20;
constexpr std::int64_t kMaxKnownReals = 4096;
constexpr std::string_view kMicrosoft = "com.microsoft";

}  // namespace

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
    const auto need_inputs = [&](const OnnxNode& of, const auto& self) -> void {
      for (const std::string_view input : of.inputs) {
        if (!input.empty()) open.push_back(input);
      }
      // What a branch reads of the graph around it; its own values are made by none of the graph's nodes.
      for (const OnnxAttribute& attribute : of.attributes) {
        if (attribute.graph < 0) continue;
        const OnnxGraph& branch = file_.branches[static_cast<std::size_t>(attribute.graph)];
        for (const OnnxNode& inner : branch.nodes) self(inner, self);
        for (const OnnxValueInfo& output : branch.outputs) open.push_back(output.name);
      }
    };
    need_inputs(file_.nodes[node], need_inputs);
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

Result<std::vector<Value*>> Walk::inputs_of(const OnnxNode& node) {
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
  return inputs;
}

/// If: the condition is known, as all that depends on shapes alone, and so is the branch that is taken. What a branch
/// makes is kept to the end of the walk.
Walk::Outputs Walk::chosen_branch(const NodeView& node, std::span<Value* const> inputs) {
  const auto condition = inputs.size() == 1 && inputs[0] != nullptr ? single_number(*inputs[0]) : std::nullopt;
  const OnnxAttribute* const chosen =
      condition ? node.node().attribute(*condition != 0 ? "then_branch" : "else_branch") : nullptr;
  if (chosen == nullptr || chosen->graph < 0) return node.refuse("its condition is not known, or its branch not there");
  const OnnxGraph& branch = file_.branches[static_cast<std::size_t>(chosen->graph)];
  const auto keep = [&](std::string_view name, Value value) {
    value.uses = std::numeric_limits<std::int32_t>::max();
    if (value.numbers) live_ += value.numbers->elements();
    return values_.emplace(name, std::move(value)).second && live_ <= kMaxLiveElements;
  };
  for (const auto& [name, index] : branch.initializers) {
    Value value;
    const OnnxTensor& tensor = file_.tensors[static_cast<std::size_t>(index)];
    value.shape = tensor.dims;
    value.type = tensor.type;
    value.weight.tensor = index;
    if (!keep(name, std::move(value))) return node.refuse("its branch gives a name a second time");
  }
  for (const OnnxNode& inner : branch.nodes) {
    VALENCE_TRY(const std::vector<Value*> own, inputs_of(inner));
    VALENCE_TRY(std::vector<Value> made, node_outputs(NodeView(file_, inner), own));
    for (std::size_t i = 0; i < inner.outputs.size() && i < made.size(); ++i) {
      if (inner.outputs[i].empty()) continue;
      if (!keep(inner.outputs[i], std::move(made[i]))) {
        return not_understood(file_.source, inner, "it makes a value a second time, or more than any encoder's");
      }
    }
  }
  std::vector<Value> outputs;
  for (const OnnxValueInfo& output : branch.outputs) {
    const auto found = values_.find(output.name);
    if (found == values_.end()) return node.refuse("its branch does not make what it gives out");
    outputs.push_back(found->second);
  }
  return outputs;
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
    VALENCE_TRY(const std::vector<Value*> inputs, inputs_of(node));
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
  if (tensor.external && tensor.bytes.empty()) return node.refuse("it computes with weights that are not there");
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
  const OnnxTensor& tensor = file_.tensors[static_cast<std::size_t>(value.weight.tensor)];
  if (tensor.bytes.empty()) return std::nullopt;  // an outline
  return numbers_of(tensor)->at(0);
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
  if (node.op() == "If" && domain.empty()) return chosen_branch(node, inputs);
  const auto has_graph = [](const OnnxAttribute& attribute) { return attribute.graph >= 0 || attribute.has_graphs; };
  if (std::ranges::any_of(node.node().attributes, has_graph)) {
    return node.refuse("it has a graph of its own, and no encoder repeats one");
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
  // A table that is no layer's matrix but what layers read: DeBERTa's relative embeddings.
  const bool reads_table = node.op() == "LayerNormalization" || node.op() == "MatMul" || node.op() == "Gemm" ||
                           node.op() == "DynamicQuantizeLinear" || node.op() == "ReduceMean";
  const bool is_matrix = !inputs.empty() && inputs[0] != nullptr && inputs[0]->is_stored() &&
                         is_real(inputs[0]->type) && inputs[0]->elements() > kMaxKnownReals / 32 &&
                         inputs[0]->shape.size() >= 2;
  if (is_matrix && (reads_table || node.op() == "Slice" || node.op() == "Unsqueeze")) become_formula(*inputs[0]);
  const bool has_formula =
      std::ranges::any_of(inputs, [](const Value* input) { return input != nullptr && input->is_formula(); });
  if (domain == kMicrosoft && node.op() == "EmbedLayerNormalization") return fused_embeddings(node, inputs);
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
      !stored.shape.empty()) {
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
      return one(formulas_.embedding(stored.weight, rows, stored.shape[1]));
    };
    return take();
  }
  return std::nullopt;
}

void Walk::become_formula(Value& value) {
  Shape own = value.shape;
  while (own.size() > 2 && own.front() == 1) own.erase(own.begin());
  if (own.size() != 2) return;
  value.formula = formulas_.stored(value.weight, value.shape);
  value.weight = {};
  value.numbers = nullptr;
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

Result<WalkedGraph> walk_graph(const OnnxFile& file, const ProbeBatch& batch) { return Walk(file, batch).run(); }

}  // namespace valence::onnx
