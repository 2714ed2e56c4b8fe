#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>

#include "valence/model/onnx/graph_walker.h"

// What onnxruntime makes of several nodes, taken apart again. Source of what each computes: ContribOperators.md of
// onnxruntime.

namespace valence::onnx {
namespace {

/// [batch, 1, 1, tokens]: what Attention adds to scores, from its mask_index: lengths, or a mask.
std::optional<Numbers> additive_mask(const ProbeTensor& index, std::int64_t batch, std::int64_t tokens, double filter) {
  const bool is_lengths = index.shape == Shape{batch};
  if (is_real(index.type) || (!is_lengths && index.shape != Shape{batch, tokens})) return std::nullopt;
  auto mask = std::make_shared<ProbeTensor>();
  mask->type = OnnxType::kFloat;
  mask->shape = {batch, 1, 1, tokens};
  for (std::int64_t text = 0; text < batch; ++text) {
    for (std::int64_t token = 0; token < tokens; ++token) {
      const bool sees = is_lengths ? token < index.integers[static_cast<std::size_t>(text)]
                                   : index.integers[static_cast<std::size_t>(text * tokens + token)] != 0;
      mask->reals.push_back(sees ? 0 : filter);
    }
  }
  return mask;
}

}  // namespace

Walk::Outputs Walk::fused(const NodeView& node, std::span<Value* const> inputs) {
  const std::string_view op = node.op();
  if (op == "Attention") return fused_attention(node, inputs);
  if (op == "SkipLayerNormalization") return skip_layer_norm(node, inputs);
  if (op == "BiasGelu" || op == "FastGelu") {
    if (inputs.empty() || inputs[0] == nullptr || !inputs[0]->is_formula()) return node.refuse("its first input");
    FormulaId id = inputs[0]->formula;
    if (inputs.size() > 1 && inputs[1] != nullptr) {
      if (!is_vector_of(*inputs[1], inputs[0]->shape.back())) return node.refuse("its bias is no stored vector");
      id = formulas_.shift_by(id, inputs[1]->weight);
    }
    return one(formulas_.unary(op == "BiasGelu" ? FormulaKind::kGelu : FormulaKind::kGeluTanh, id));
  }
  return node.refuse("no encoder of a known kind has such an operator");
}

/// SkipLayerNormalization(input, skip, weight, bias, bias of input): also gives out the sum, as its fourth output.
Walk::Outputs Walk::skip_layer_norm(const NodeView& node, std::span<Value* const> inputs) {
  const auto is_vector = [&](std::size_t i) {
    return i < inputs.size() && inputs[i] != nullptr && is_vector_of(*inputs[i], inputs[0]->shape.back());
  };
  const auto is_there = [&](std::size_t i) { return i < inputs.size() && inputs[i] != nullptr; };
  const bool fits = inputs.size() >= 3 && is_there(0) && is_there(1) && inputs[0]->is_formula() &&
                    inputs[1]->is_formula() && !inputs[0]->shape.empty() &&
                    broadcast_shape({&inputs[0]->shape, &inputs[1]->shape}) == inputs[0]->shape && is_vector(2);
  if (!fits || (is_there(3) && !is_vector(3)) || (is_there(4) && !is_vector(4))) {
    return node.refuse("expected two activations of the same shape, with stored weights");
  }
  const FormulaId input = is_there(4) ? formulas_.shift_by(inputs[0]->formula, inputs[4]->weight) : inputs[0]->formula;
  const FormulaId sum = formulas_.add(input, inputs[1]->formula, inputs[0]->shape);
  VALENCE_TRY(auto outputs, one(formulas_.normalize(sum, static_cast<double>(node.number("epsilon", 1e-12F)),
                                                    inputs[2]->weight, is_there(3) ? inputs[3]->weight : WeightRef{})));
  VALENCE_TRY(auto sums, one(sum));
  outputs.resize(3);  // the mean and the inverse deviation are for training
  outputs.push_back(std::move(sums.front()));
  return outputs;
}

/// EmbedLayerNormalization(input_ids, segment_ids, words, positions, segments, weight, bias, mask, position_ids).
Walk::Outputs Walk::fused_embeddings(const NodeView& node, std::span<Value* const> inputs) {
  const auto is_there = [&](std::size_t i) { return i < inputs.size() && inputs[i] != nullptr; };
  const auto is_table = [&](std::size_t i) {
    return is_there(i) && inputs[i]->is_stored() && inputs[i]->shape.size() == 2 &&
           inputs[i]->shape[1] == inputs[2]->shape.back();
  };
  if (!is_there(0) || !is_there(2) || inputs[2]->shape.empty() || !is_table(2) || !is_table(3) ||
      is_there(1) != is_there(4) || (is_there(4) && !is_table(4)) || !is_there(5) || !is_there(6) ||
      !is_vector_of(*inputs[5], inputs[2]->shape[1]) || !is_vector_of(*inputs[6], inputs[2]->shape[1])) {
    return node.refuse("expected ids and stored tables of the same width");
  }
  VALENCE_TRY(const Numbers ids, numbers(node, *inputs[0]));
  if (is_real(ids->type) || ids->shape.size() != 2) return node.refuse("its ids are no integers [batch, tokens]");
  Numbers places;
  if (is_there(8)) {
    VALENCE_TRY(places, numbers(node, *inputs[8]));
    if (is_real(places->type) || broadcast_shape({&places->shape, &ids->shape}) != ids->shape) {
      return node.refuse("its position_ids do not fit its ids");
    }
  } else {
    std::vector<std::int64_t> range;
    for (std::int64_t token = 0; token < ids->shape[1]; ++token) range.push_back(token);
    places = make_integers({1, ids->shape[1]}, std::move(range));
  }
  const std::int64_t width = inputs[2]->shape[1];
  Shape shape = ids->shape;
  shape.push_back(width);
  FormulaId sum = formulas_.embedding(inputs[2]->weight, ids, width);
  sum = formulas_.add(sum, formulas_.embedding(inputs[3]->weight, places, width), shape);
  if (is_there(4)) {
    VALENCE_TRY(const Numbers types, numbers(node, *inputs[1]));
    if (is_real(types->type) || types->shape != ids->shape) return node.refuse("its segment_ids do not fit its ids");
    sum = formulas_.add(sum, formulas_.embedding(inputs[4]->weight, types, width), shape);
  }
  VALENCE_TRY(auto outputs, one(formulas_.normalize(sum, static_cast<double>(node.number("epsilon", 1e-12F)),
                                                    inputs[5]->weight, inputs[6]->weight)));
  // The second output is the lengths of texts, for Attention.
  Value lengths;
  if (is_there(7)) {
    VALENCE_TRY(const Numbers mask, numbers(node, *inputs[7]));
    if (is_real(mask->type) || mask->shape != ids->shape) return node.refuse("its mask does not fit its ids");
    std::vector<std::int64_t> counts(static_cast<std::size_t>(ids->shape[0]), 0);
    for (std::size_t i = 0; i < mask->elements(); ++i) {
      counts[i / static_cast<std::size_t>(ids->shape[1])] += mask->integers[i];
    }
    lengths.numbers = make_integers({ids->shape[0]}, std::move(counts), OnnxType::kInt32);
    lengths.shape = lengths.numbers->shape;
    lengths.type = OnnxType::kInt32;
  }
  outputs.push_back(std::move(lengths));
  return outputs;
}

/// Attention(input, weights [hidden, 3 hidden], bias, mask_index): projections, heads, mask, softmax.
Walk::Outputs Walk::fused_attention(const NodeView& node, std::span<Value* const> inputs) {
  const auto is_there = [&](std::size_t i) { return i < inputs.size() && inputs[i] != nullptr; };
  const bool fits = is_there(0) && inputs[0]->is_formula() && inputs[0]->shape.size() == 3 && is_there(1) &&
                    inputs[1]->is_stored() && inputs[1]->weight.scale < 0 && !inputs[1]->weight.transposed &&
                    inputs[1]->shape.size() == 2 && inputs[1]->shape[0] == inputs[0]->shape[2] &&
                    inputs[1]->shape[1] % 3 == 0 && is_there(2) && is_vector_of(*inputs[2], inputs[1]->shape[1]) &&
                    is_there(3) && !inputs[3]->is_formula();
  for (std::size_t i = 4; i < inputs.size(); ++i) {
    if (inputs[i] != nullptr) return node.refuse("it has a past, or a bias of its scores");
  }
  const std::int64_t width = fits ? inputs[1]->shape[1] / 3 : 0;
  const std::int64_t heads = node.integer("num_heads", 0);
  if (!fits || heads < 1 || width % heads != 0 || node.integer("unidirectional", 0) != 0 ||
      node.integer("do_rotary", 0) != 0 || node.integers("qkv_hidden_sizes") != nullptr) {
    return node.refuse("expected activations, stored weights of queries, keys and values, and a mask");
  }
  const Shape own = inputs[0]->shape;
  VALENCE_TRY(const Numbers index, numbers(node, *inputs[3]));
  const auto mask =
      additive_mask(*index, own[0], own[1], static_cast<double>(node.number("mask_filter_value", -10000.0F)));
  if (!mask) return node.refuse("its mask is neither lengths nor ones for tokens");
  const std::int64_t head_size = width / heads;
  const auto states = [&](std::int64_t part, const std::vector<std::size_t>& order) {
    const auto outputs = [&](WeightRef ref) {
      ref.first = part * width;
      ref.count = width;
      return ref;
    };
    const FormulaId projected = formulas_.shift_by(
        formulas_.linear(inputs[0]->formula, outputs(inputs[1]->weight), width), outputs(inputs[2]->weight));
    return formulas_.transpose(formulas_.reshape(projected, {own[0], own[1], heads, head_size}), order);
  };
  const Shape square = {own[0], heads, own[1], own[1]};
  const auto stated = static_cast<double>(node.number("scale", 0));
  const double scale = stated != 0 ? stated : 1 / std::sqrt(static_cast<double>(head_size));
  const FormulaId scores =
      formulas_.scale(formulas_.product(states(0, {0, 2, 1, 3}), states(1, {0, 2, 3, 1}), square), scale);
  const FormulaId masked =
      formulas_.make({.kind = FormulaKind::kMask, .a = scores, .numbers = formulas_.intern(*mask), .shape = square});
  const FormulaId context = formulas_.product(formulas_.unary(FormulaKind::kSoftmax, masked), states(2, {0, 2, 1, 3}),
                                              {own[0], heads, own[1], head_size});
  return one_view(node, formulas_.reshape(formulas_.transpose(context, {0, 2, 1, 3}), {own[0], own[1], width}), own);
}

}  // namespace valence::onnx
