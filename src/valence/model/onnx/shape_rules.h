/// \file
/// What ONNX's operators make of shapes, whether a tensor's values are known or not.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "valence/tensor/tensor_view.h"

namespace valence::onnx {

using Axes = std::vector<std::int64_t>;

/// Whether activations may have that shape: views take no room, but their extents are multiplied.
[[nodiscard]] bool is_reasonable(const Shape& shape);

// Each is nothing where the operator does not allow its arguments. Extents of `own` are not negative.

/// Reshape: 0 keeps an extent (unless `allow_zero`), -1 is what is left.
[[nodiscard]] std::optional<Shape> reshaped(const Shape& own, const Shape& wanted, bool allow_zero);
[[nodiscard]] std::optional<Shape> flattened(const Shape& own, std::int64_t axis);
[[nodiscard]] std::optional<Shape> squeezed(const Shape& own, const std::optional<Axes>& axes);
[[nodiscard]] std::optional<Shape> unsqueezed(const Shape& own, const Axes& axes);
/// Transpose's `perm`; null: the axes reversed.
[[nodiscard]] std::optional<std::vector<std::size_t>> permutation(const Axes* perm, std::size_t rank);

/// For each axis: where Slice begins, its step, and how much remains.
struct Sliced {
  std::vector<std::int64_t> starts;
  std::vector<std::int64_t> steps;
  Shape shape;
};
[[nodiscard]] std::optional<Sliced> sliced(const Shape& own, const Axes& starts, const Axes& ends,
                                           const std::optional<Axes>& axes, const std::optional<Axes>& steps);

}  // namespace valence::onnx
