/// \file
/// The walk of graph_walk.h, with its state between two nodes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "valence/model/onnx/graph_walk.h"
#include "valence/model/onnx/node_view.h"
#include "valence/model/onnx/shape_rules.h"

namespace valence::onnx {

// A batch of one text of 512 tokens makes masks of 2^18 elements; an exporter's way to one has some twenty steps.
constexpr std::uint64_t kMaxElements = 1U << 24U;

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

/// Operators on formulas are in walk_arithmetic, walk_products and walk_views.cpp.
class Walk {
 public:
  Walk(const OnnxFile& file, const ProbeBatch& batch) : file_(file), batch_(batch) {}
  Result<WalkedGraph> run();

 private:
  using Outputs = Result<std::vector<Value>>;

  Status find_needed();
  Status give_inputs();
  Result<const OnnxValueInfo*> logits_output() const;
  Result<std::vector<Value*>> inputs_of(const OnnxNode& node);
  Outputs node_outputs(const NodeView& node, std::span<Value* const> inputs);
  Outputs chosen_branch(const NodeView& node, std::span<Value* const> inputs);
  Outputs constant(const NodeView& node);
  Outputs on_formulas(const NodeView& node, std::span<Value* const> inputs);
  std::optional<Outputs> on_weights(const NodeView& node, std::span<Value* const> inputs);
  Outputs on_numbers(const NodeView& node, std::span<Value* const> inputs);

  Outputs arithmetic(const NodeView& node, std::span<Value* const> inputs);
  Outputs with_constant(const NodeView& node, Value& formula, Value& constant, bool formula_first);
  Outputs matrix_product(const NodeView& node, std::span<Value* const> inputs);
  Outputs gemm(const NodeView& node, std::span<Value* const> inputs);
  Outputs integer_product(const NodeView& node, std::span<Value* const> inputs);
  Outputs fused(const NodeView& node, std::span<Value* const> inputs);
  Outputs fused_attention(const NodeView& node, std::span<Value* const> inputs);
  Outputs fused_embeddings(const NodeView& node, std::span<Value* const> inputs);
  Outputs skip_layer_norm(const NodeView& node, std::span<Value* const> inputs);
  Outputs fused_product(const NodeView& node, std::span<Value* const> inputs);
  Outputs dequantized(const NodeView& node, std::span<Value* const> inputs);
  Outputs layer_norm(const NodeView& node, std::span<Value* const> inputs);
  Outputs moved(const NodeView& node, std::span<Value* const> inputs);
  Outputs picked(const NodeView& node, std::span<Value* const> inputs);
  Outputs chosen(const NodeView& node, std::span<Value* const> inputs);
  Outputs powered(const NodeView& node, std::span<Value* const> inputs);
  Outputs averaged(const NodeView& node, std::span<Value* const> inputs);
  Outputs summed(const NodeView& node, std::span<Value* const> inputs);
  Outputs split(const NodeView& node, std::span<Value* const> inputs);
  Outputs expanded(const NodeView& node, std::span<Value* const> inputs);
  Outputs joined(const NodeView& node, std::span<Value* const> inputs);
  Outputs taken(const NodeView& node, std::span<Value* const> inputs);
  Outputs cut(const NodeView& node, std::span<Value* const> inputs);

  Outputs one(FormulaId id) const {
    Value value;
    value.formula = id;
    value.shape = formulas_[id].shape;
    value.type = OnnxType::kFloat;
    return std::vector<Value>{std::move(value)};
  }
  /// `id` if it is one, or the refusal of a shape that no view shows.
  Outputs one_view(const NodeView& node, FormulaId id, const Shape& own) const;
  /// The stored matrix as a formula, where that is what an operator has instead of activations.
  void become_formula(Value& value);
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
  ProbeBudget budget_{kMaxElements};  // of what is computed
  std::uint64_t live_ = 0;
  std::map<std::string_view, std::int32_t> producer_;  // value -> node
  std::map<std::string_view, std::int32_t> uses_;
  std::vector<bool> needed_;
  std::map<std::string_view, Value> values_;
};

}  // namespace valence::onnx
