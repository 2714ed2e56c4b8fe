#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "valence/model/onnx/graph_walker.h"
#include "valence/model/onnx/shape_rules.h"

namespace valence::onnx {

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
  return one_view(node, shape ? formulas_.reshape(id, *shape) : -1, own);
}

Walk::Outputs Walk::one_view(const NodeView& node, FormulaId id, const Shape& own) const {
  if (id < 0) return node.refuse(fmt::format("it does not fit activations of the shape {}", to_string(own)));
  return one(id);
}

/// One place of an axis, or for every text a token.
Walk::Outputs Walk::picked(const NodeView& node, std::span<Value* const> inputs) {
  if (inputs.size() != 2 || inputs[0] == nullptr || !inputs[0]->is_formula() || inputs[1] == nullptr ||
      inputs[1]->is_formula()) {
    return node.refuse("its first input is no activation, or its second one");
  }
  const FormulaId id = inputs[0]->formula;
  const Shape own = inputs[0]->shape;
  VALENCE_TRY(const Numbers indices, numbers(node, *inputs[1]));
  if (is_real(indices->type)) return node.refuse("its indices are no integers");
  if (node.op() == "GatherND") {
    if (own.size() != 3 || indices->shape.size() != 2 || indices->shape[1] != 2 || node.integer("batch_dims", 0) != 0) {
      return node.refuse("expected a token of every text");
    }
    std::vector<std::int64_t> rows;
    for (std::size_t i = 0; i < indices->elements(); i += 2) {
      const std::int64_t text = indices->integers[i];
      const std::int64_t token = indices->integers[i + 1];
      if (text < 0 || text >= own[0] || token < -own[1] || token >= own[1]) return node.refuse("its indices");
      rows.push_back(text * own[1] + (token < 0 ? token + own[1] : token));
    }
    const auto count = static_cast<std::int64_t>(rows.size());
    return one(formulas_.pick(id, make_integers({count}, std::move(rows))));
  }
  const auto rank = static_cast<std::int64_t>(own.size());
  std::int64_t axis = node.integer("axis", 0);
  if (axis < 0) axis += rank;
  if (rank == 2 && axis == 0 && indices->shape.size() == 1) {
    auto rows = std::make_shared<ProbeTensor>(*indices);
    for (std::int64_t& row : rows->integers) {
      if (row < -own[0] || row >= own[0]) return node.refuse("its indices");
      if (row < 0) row += own[0];
    }
    return one(formulas_.pick(id, rows));
  }
  if (indices->elements() != 1 || axis < 0 || axis >= rank) {
    return node.refuse("of activations only one place of an axis is expected to be taken");
  }
  const auto at = static_cast<std::size_t>(axis);
  const std::int64_t index = indices->integers[0] < 0 ? indices->integers[0] + own[at] : indices->integers[0];
  if (index < 0 || index >= own[at]) return node.refuse("its index is outside of the axis");
  Shape shape = own;
  shape.erase(shape.begin() + axis);
  shape.insert(shape.begin() + axis, indices->shape.begin(), indices->shape.end());
  return one_view(node, formulas_.reshape(formulas_.slice(id, at, index, 1), shape), own);
}

Walk::Outputs Walk::cut(const NodeView& node, std::span<Value* const> inputs) {
  if (inputs[0] == nullptr || !inputs[0]->is_formula()) return node.refuse("its first input is no activation");
  VALENCE_TRY(const auto starts, axes(node, inputs, 1, "starts"));
  VALENCE_TRY(const auto ends, axes(node, inputs, 2, "ends"));
  VALENCE_TRY(const auto along, axes(node, inputs, 3, "axes"));
  VALENCE_TRY(const auto steps, axes(node, inputs, 4, "steps"));
  const Shape own = inputs[0]->shape;
  const auto bounds = starts && ends ? sliced(own, *starts, *ends, along, steps) : std::nullopt;
  if (!bounds || std::ranges::any_of(bounds->steps, [](std::int64_t step) { return step != 1; })) {
    return node.refuse("its bounds");
  }
  FormulaId id = inputs[0]->formula;
  for (std::size_t i = 0; id >= 0 && i < own.size(); ++i) {
    if (bounds->shape[i] == 0) return node.refuse("its bounds");
    id = formulas_.slice(id, i, bounds->starts[i], bounds->shape[i]);
  }
  return one_view(node, id, own);
}

Walk::Outputs Walk::split(const NodeView& node, std::span<Value* const> inputs) {
  if (inputs[0] == nullptr || !inputs[0]->is_formula()) return node.refuse("its first input is no activation");
  const Shape own = inputs[0]->shape;
  const auto rank = static_cast<std::int64_t>(own.size());
  std::int64_t axis = node.integer("axis", 0);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis >= rank) return node.refuse("its axis");
  const auto at = static_cast<std::size_t>(axis);
  VALENCE_TRY(auto sizes, axes(node, inputs, 1, "split"));
  const auto parts = static_cast<std::int64_t>(node.node().outputs.size());
  if (!sizes && parts > 0 && own[at] % parts == 0) {
    sizes = Axes(static_cast<std::size_t>(parts), own[at] / parts);
  }
  if (!sizes || static_cast<std::int64_t>(sizes->size()) != parts) return node.refuse("its parts");
  std::vector<Value> outputs;
  std::int64_t begin = 0;
  for (const std::int64_t size : *sizes) {
    if (size <= 0 || size > own[at] - begin) return node.refuse("its parts");
    VALENCE_TRY(auto part, one_view(node, formulas_.slice(inputs[0]->formula, at, begin, size), own));
    outputs.push_back(std::move(part.front()));
    begin += size;
  }
  if (begin != own[at]) return node.refuse("its parts");
  return outputs;
}

/// Expand and Tile: the same activations several times.
Walk::Outputs Walk::expanded(const NodeView& node, std::span<Value* const> inputs) {
  if (inputs[0] == nullptr || !inputs[0]->is_formula()) return node.refuse("its first input is no activation");
  const Shape own = inputs[0]->shape;
  VALENCE_TRY(const Axes wanted, list(node, inputs, 1));
  constexpr std::int64_t kMost = 1 << 20;  // of an axis
  if (std::ranges::any_of(wanted, [](std::int64_t size) { return size < 1 || size > kMost; }) ||
      wanted.size() < own.size() || wanted.size() > own.size() + 4) {
    return node.refuse("its shape");
  }
  const bool tiles = node.op() == "Tile";
  if (tiles && wanted.size() != own.size()) return node.refuse("its repeats");
  const auto shape = tiles ? std::optional(own) : broadcast_shape({&own, &wanted});
  Shape result = shape.value_or(Shape{});
  for (std::size_t i = 0; tiles && i < result.size(); ++i) result[i] *= wanted[i];
  if (!shape || !is_reasonable(result)) return node.refuse("its shape");
  return one(tiles ? formulas_.tile(inputs[0]->formula, wanted) : formulas_.expand(inputs[0]->formula, *shape));
}

Walk::Outputs Walk::joined(const NodeView& node, std::span<Value* const> inputs) {
  const bool fits = inputs.size() == 2 && inputs[0] != nullptr && inputs[1] != nullptr && inputs[0]->is_formula() &&
                    inputs[1]->is_formula() && inputs[0]->shape.size() == inputs[1]->shape.size() &&
                    !inputs[0]->shape.empty();
  const std::int64_t axis = node.integer("axis", 0);
  if (!fits || (axis != -1 && axis != static_cast<std::int64_t>(inputs[0]->shape.size()) - 1) ||
      !std::equal(inputs[0]->shape.begin(), inputs[0]->shape.end() - 1, inputs[1]->shape.begin())) {
    return node.refuse("expected two activations, joined along their last axis");
  }
  return one(formulas_.concat(inputs[0]->formula, inputs[1]->formula));
}

/// GatherElements along the last axis.
Walk::Outputs Walk::taken(const NodeView& node, std::span<Value* const> inputs) {
  if (inputs.size() != 2 || inputs[0] == nullptr || !inputs[0]->is_formula() || inputs[1] == nullptr ||
      inputs[1]->is_formula()) {
    return node.refuse("its first input is no activation, or its second one");
  }
  const Shape& own = inputs[0]->shape;
  VALENCE_TRY(const Numbers indices, numbers(node, *inputs[1]));
  const std::int64_t axis = node.integer("axis", 0);
  const auto rank = static_cast<std::int64_t>(own.size());
  if (is_real(indices->type) || rank == 0 || (axis != -1 && axis != rank - 1) || indices->shape.size() != own.size() ||
      !std::equal(own.begin(), own.end() - 1, indices->shape.begin())) {
    return node.refuse("expected elements of the last axis");
  }
  auto known = std::make_shared<ProbeTensor>(*indices);
  for (std::int64_t& index : known->integers) {
    if (index < -own.back() || index >= own.back()) return node.refuse("an index is outside of the axis");
    if (index < 0) index += own.back();
  }
  return one_view(node, formulas_.take(inputs[0]->formula, known), own);
}

}  // namespace valence::onnx
