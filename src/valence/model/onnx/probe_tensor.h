/// \file
/// Small tensors whose values are known while a graph is walked: shapes, positions, masks, constants.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "valence/base/error.h"
#include "valence/tensor/onnx_file.h"

namespace valence::onnx {

[[nodiscard]] bool is_real(OnnxType type);

/// Row-major. Integers and truth values stand in `integers`, all others in `reals`; the other vector is empty.
struct ProbeTensor {
  OnnxType type = OnnxType::kInt64;
  Shape shape;
  std::vector<std::int64_t> integers;
  std::vector<double> reals;

  [[nodiscard]] std::size_t elements() const { return is_real(type) ? reals.size() : integers.size(); }
  [[nodiscard]] double at(std::size_t i) const { return is_real(type) ? reals[i] : static_cast<double>(integers[i]); }
};

using Numbers = std::shared_ptr<const ProbeTensor>;

[[nodiscard]] std::size_t element_count(const Shape& shape);
[[nodiscard]] Numbers make_integers(Shape shape, std::vector<std::int64_t> values, OnnxType type = OnnxType::kInt64);
/// The elements of a stored tensor, whose bytes must be there.
[[nodiscard]] Numbers numbers_of(const OnnxTensor& tensor);

/// The shape that `shapes` broadcast to by ONNX's rule; nothing where they do not.
[[nodiscard]] std::optional<Shape> broadcast_shape(std::initializer_list<const Shape*> shapes);
/// The offset into a tensor of shape `from` for each element of `to`, which it broadcasts to.
[[nodiscard]] std::vector<std::size_t> broadcast_offsets(const Shape& from, const Shape& to);
/// Offsets of the elements of a tensor whose axis i has `strides[i]`, in the order of `shape`.
[[nodiscard]] std::vector<std::size_t> strided_offsets(const Shape& shape, std::span<const std::int64_t> strides);
[[nodiscard]] std::vector<std::int64_t> row_major_strides(const Shape& shape);

/// How much a walk may still compute, in elements: a graph that wants more is refused.
struct ProbeBudget {
  std::uint64_t elements = 0;
  [[nodiscard]] bool spend(std::size_t count) {
    if (count > elements) return false;
    elements -= count;
    return true;
  }
};

}  // namespace valence::onnx
