/// \file
/// What the operators of probe_ops.h are made of.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "valence/model/onnx/node_view.h"
#include "valence/model/onnx/probe_tensor.h"

namespace valence::onnx {

using Output = Result<Numbers>;

/// One node at work: its inputs checked as they are asked for, its outputs' sizes before they are made.
class Computation {
 public:
  Computation(const NodeView& node, std::span<const Numbers> inputs, ProbeBudget& budget)
      : node_(node), inputs_(inputs), budget_(budget) {}

  [[nodiscard]] const NodeView& node() const { return node_; }
  [[nodiscard]] ProbeBudget& budget() { return budget_; }
  [[nodiscard]] std::size_t count() const { return inputs_.size(); }
  [[nodiscard]] bool has(std::size_t i) const { return i < inputs_.size() && inputs_[i] != nullptr; }
  [[nodiscard]] const ProbeTensor& input(std::size_t i) const { return *inputs_[i]; }
  [[nodiscard]] const Numbers& shared(std::size_t i) const { return inputs_[i]; }

  Status need(std::size_t least) const {
    for (std::size_t i = 0; i < least; ++i) {
      if (!has(i)) return node_.refuse("it needs " + std::to_string(least) + " inputs");
    }
    return {};
  }

  /// A tensor of `shape` with zeros.
  Result<std::shared_ptr<ProbeTensor>> room(OnnxType type, const Shape& shape) {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) {
      if (extent < 0 || __builtin_mul_overflow(count, extent, &count)) {
        return node_.refuse("its result would have the shape " + to_string(shape));
      }
    }
    if (!budget_.spend(static_cast<std::size_t>(count) + 1)) {
      return node_.refuse("up to here the graph computes more with shapes and masks than any encoder's");
    }
    auto result = std::make_shared<ProbeTensor>();
    result->type = type;
    result->shape = shape;
    if (is_real(type)) {
      result->reals.resize(static_cast<std::size_t>(count));
    } else {
      result->integers.resize(static_cast<std::size_t>(count));
    }
    return result;
  }

  /// Input `i` as a list of integers.
  Result<std::vector<std::int64_t>> list(std::size_t i) const {
    if (is_real(input(i).type) || input(i).shape.size() > 1) {
      return node_.refuse("input " + std::to_string(i) + " is no list of integers");
    }
    return input(i).integers;
  }

  /// Input `i` or, in older operator sets, the attribute `name`; nothing where neither is there.
  Result<std::optional<std::vector<std::int64_t>>> axes(std::size_t i, std::string_view name) const {
    if (const auto* attribute = node_.integers(name)) return std::optional(*attribute);
    if (!has(i)) return std::optional<std::vector<std::int64_t>>();
    VALENCE_TRY(std::vector<std::int64_t> values, list(i));
    return std::optional(std::move(values));
  }

  Result<std::size_t> axis(std::int64_t value, std::size_t rank) const {
    const auto signed_rank = static_cast<std::int64_t>(rank);
    if (value < -signed_rank || value >= signed_rank) {
      return node_.refuse("axis " + std::to_string(value) + " of a tensor of " + std::to_string(rank) + " dimensions");
    }
    return static_cast<std::size_t>(value < 0 ? value + signed_rank : value);
  }

 private:
  const NodeView& node_;
  std::span<const Numbers> inputs_;
  ProbeBudget& budget_;
};

/// Copies the elements at `offsets` of `from`.
void take(const ProbeTensor& from, std::span<const std::size_t> offsets, ProbeTensor& to);

/// The first input's elements under another shape of as many.
Output with_shape(Computation& c, const Shape& shape);

/// The nearest integer towards zero, within 64 bits; 0 for what is no number.
[[nodiscard]] std::int64_t saturate(double value);

struct NamedOperator {
  std::string_view name;
  Output (*compute)(Computation&);
};

[[nodiscard]] std::span<const NamedOperator> elementwise_operators();
[[nodiscard]] std::span<const NamedOperator> layout_operators();
[[nodiscard]] std::span<const NamedOperator> reducing_operators();  ///< and others that look at many elements

}  // namespace valence::onnx
