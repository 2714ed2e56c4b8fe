#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "valence/model/onnx/probe_computation.h"
#include "valence/model/onnx/shape_rules.h"

namespace valence::onnx {
namespace {

Output identity(Computation& c) { return c.shared(0); }

Output shape_of(Computation& c) {
  const Shape& shape = c.input(0).shape;
  const auto rank = static_cast<std::int64_t>(shape.size());
  const auto bound = [rank](std::int64_t value) {
    return std::clamp<std::int64_t>(value < 0 ? value + rank : value, 0, rank);
  };
  const std::int64_t begin = bound(c.node().integer("start", 0));
  const std::int64_t end = std::max(begin, bound(c.node().integer("end", rank)));
  std::vector<std::int64_t> values(shape.begin() + begin, shape.begin() + end);
  const auto count = static_cast<std::int64_t>(values.size());
  return make_integers({count}, std::move(values));
}

Output size_of(Computation& c) { return make_integers({}, {static_cast<std::int64_t>(c.input(0).elements())}); }

Output expand_to(Computation& c, const Shape& shape) {
  VALENCE_TRY(auto result, c.room(c.input(0).type, shape));
  take(c.input(0), broadcast_offsets(c.input(0).shape, shape), *result);
  return result;
}

Output expand(Computation& c) {
  VALENCE_TRY_STATUS(c.need(2));
  VALENCE_TRY(const Shape wanted, c.list(1));
  const auto shape = broadcast_shape({&c.input(0).shape, &wanted});
  if (!shape) return c.node().refuse("its inputs do not fit each other");
  return expand_to(c, *shape);
}

Output tile(Computation& c) {
  VALENCE_TRY_STATUS(c.need(2));
  VALENCE_TRY(const Shape repeats, c.list(1));
  const Shape& own = c.input(0).shape;
  if (repeats.size() != own.size()) return c.node().refuse("its inputs do not fit each other");
  // Repeats as axes of their own, over which nothing moves.
  Shape twice;
  std::vector<std::int64_t> strides;
  Shape shape;
  const auto own_strides = row_major_strides(own);
  for (std::size_t i = 0; i < own.size(); ++i) {
    twice.insert(twice.end(), {repeats[i], own[i]});
    strides.insert(strides.end(), {0, own_strides[i]});
    std::int64_t extent = 0;
    if (repeats[i] < 0 || __builtin_mul_overflow(repeats[i], own[i], &extent)) return c.node().refuse("its repeats");
    shape.push_back(extent);
  }
  VALENCE_TRY(auto result, c.room(c.input(0).type, shape));
  take(c.input(0), strided_offsets(twice, strides), *result);
  return result;
}

Output reshape(Computation& c) {
  VALENCE_TRY_STATUS(c.need(2));
  VALENCE_TRY(const Shape wanted, c.list(1));
  const auto shape = reshaped(c.input(0).shape, wanted, c.node().integer("allowzero", 0) == 1);
  if (!shape)
    return c.node().refuse(fmt::format("{} does not go into {}", to_string(c.input(0).shape), to_string(wanted)));
  return with_shape(c, *shape);
}

Output flatten(Computation& c) {
  const auto shape = flattened(c.input(0).shape, c.node().integer("axis", 1));
  if (!shape) return c.node().refuse("its axis");
  return with_shape(c, *shape);
}

Output squeeze(Computation& c) {
  VALENCE_TRY(const auto axes, c.axes(1, "axes"));
  const auto shape = squeezed(c.input(0).shape, axes);
  if (!shape) return c.node().refuse("its axes");
  return with_shape(c, *shape);
}

Output unsqueeze(Computation& c) {
  VALENCE_TRY(const auto axes, c.axes(1, "axes"));
  const auto shape = axes ? unsqueezed(c.input(0).shape, *axes) : std::nullopt;
  if (!shape) return c.node().refuse("its axes");
  return with_shape(c, *shape);
}

Output transpose(Computation& c) {
  const Shape& own = c.input(0).shape;
  const auto order = permutation(c.node().integers("perm"), own.size());
  if (!order) return c.node().refuse("its permutation");
  const auto own_strides = row_major_strides(own);
  Shape shape;
  std::vector<std::int64_t> strides;
  for (const std::size_t axis : *order) {
    shape.push_back(own[axis]);
    strides.push_back(own_strides[axis]);
  }
  VALENCE_TRY(auto result, c.room(c.input(0).type, shape));
  take(c.input(0), strided_offsets(shape, strides), *result);
  return result;
}

/// What Gather takes from an axis.
Result<std::size_t> index_within(Computation& c, std::int64_t index, std::int64_t extent) {
  if (index < -extent || index >= extent) {
    return c.node().refuse(fmt::format("index {} of an axis of {}", index, extent));
  }
  return static_cast<std::size_t>(index < 0 ? index + extent : index);
}

Output gather(Computation& c) {
  VALENCE_TRY_STATUS(c.need(2));
  const ProbeTensor& data = c.input(0);
  const ProbeTensor& indices = c.input(1);
  if (is_real(indices.type)) return c.node().refuse("its indices are no integers");
  VALENCE_TRY(const std::size_t axis, c.axis(c.node().integer("axis", 0), data.shape.size()));
  Shape shape(data.shape.begin(), data.shape.begin() + static_cast<std::ptrdiff_t>(axis));
  shape.insert(shape.end(), indices.shape.begin(), indices.shape.end());
  const Shape inner_shape(data.shape.begin() + static_cast<std::ptrdiff_t>(axis) + 1, data.shape.end());
  shape.insert(shape.end(), inner_shape.begin(), inner_shape.end());
  VALENCE_TRY(auto result, c.room(data.type, shape));
  const std::size_t inner = element_count(inner_shape);
  const auto extent = static_cast<std::size_t>(data.shape[axis]);
  std::vector<std::size_t> offsets;
  offsets.reserve(result->elements());
  const std::size_t outer = inner * extent == 0 ? 0 : data.elements() / (inner * extent);
  for (std::size_t o = 0; o < outer; ++o) {
    for (const std::int64_t raw : indices.integers) {
      VALENCE_TRY(const std::size_t index, index_within(c, raw, data.shape[axis]));
      for (std::size_t i = 0; i < inner; ++i) offsets.push_back((o * extent + index) * inner + i);
    }
  }
  if (offsets.size() != result->elements()) return c.node().refuse("it takes from an empty tensor");
  take(data, offsets, *result);
  return result;
}

Output gather_elements(Computation& c) {
  VALENCE_TRY_STATUS(c.need(2));
  const ProbeTensor& data = c.input(0);
  const ProbeTensor& indices = c.input(1);
  VALENCE_TRY(const std::size_t axis, c.axis(c.node().integer("axis", 0), data.shape.size()));
  bool fits = !is_real(indices.type) && indices.shape.size() == data.shape.size();
  for (std::size_t i = 0; fits && i < data.shape.size(); ++i) fits = i == axis || indices.shape[i] <= data.shape[i];
  if (!fits) return c.node().refuse("its inputs do not fit each other");
  VALENCE_TRY(auto result, c.room(data.type, indices.shape));
  auto strides = row_major_strides(data.shape);
  const std::int64_t stride = std::exchange(strides[axis], 0);
  auto offsets = strided_offsets(indices.shape, strides);
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    VALENCE_TRY(const std::size_t index, index_within(c, indices.integers[i], data.shape[axis]));
    offsets[i] += index * static_cast<std::size_t>(stride);
  }
  take(data, offsets, *result);
  return result;
}

Output gather_nd(Computation& c) {
  VALENCE_TRY_STATUS(c.need(2));
  const ProbeTensor& data = c.input(0);
  const ProbeTensor& indices = c.input(1);
  if (is_real(indices.type) || indices.shape.empty() || c.node().integer("batch_dims", 0) != 0) {
    return c.node().refuse("its indices");
  }
  const auto depth = static_cast<std::size_t>(indices.shape.back());
  if (depth == 0 || depth > data.shape.size()) return c.node().refuse("its indices");
  Shape shape(indices.shape.begin(), indices.shape.end() - 1);
  const Shape inner_shape(data.shape.begin() + static_cast<std::ptrdiff_t>(depth), data.shape.end());
  shape.insert(shape.end(), inner_shape.begin(), inner_shape.end());
  VALENCE_TRY(auto result, c.room(data.type, shape));
  const std::size_t inner = element_count(inner_shape);
  const auto strides = row_major_strides(data.shape);
  std::vector<std::size_t> offsets;
  offsets.reserve(result->elements());
  for (std::size_t at = 0; at < indices.elements(); at += depth) {
    std::size_t offset = 0;
    for (std::size_t d = 0; d < depth; ++d) {
      VALENCE_TRY(const std::size_t index, index_within(c, indices.integers[at + d], data.shape[d]));
      offset += index * static_cast<std::size_t>(strides[d]);
    }
    for (std::size_t i = 0; i < inner; ++i) offsets.push_back(offset + i);
  }
  if (offsets.size() != result->elements()) return c.node().refuse("its indices");
  take(data, offsets, *result);
  return result;
}

Output slice(Computation& c) {
  const Shape& own = c.input(0).shape;
  VALENCE_TRY(const auto starts, c.axes(1, "starts"));
  VALENCE_TRY(const auto ends, c.axes(2, "ends"));
  VALENCE_TRY(const auto axes, c.axes(3, "axes"));
  VALENCE_TRY(const auto steps, c.axes(4, "steps"));
  const auto cut = starts && ends ? sliced(own, *starts, *ends, axes, steps) : std::nullopt;
  if (!cut) return c.node().refuse("its bounds");
  const auto own_strides = row_major_strides(own);
  std::vector<std::int64_t> strides;
  std::size_t first = 0;
  for (std::size_t i = 0; i < own.size(); ++i) {
    strides.push_back(own_strides[i] * cut->steps[i]);
    first += static_cast<std::size_t>(own_strides[i] * cut->starts[i]);
  }
  VALENCE_TRY(auto result, c.room(c.input(0).type, cut->shape));
  auto offsets = strided_offsets(cut->shape, strides);
  for (std::size_t& offset : offsets) offset += first;
  take(c.input(0), offsets, *result);
  return result;
}

Output concat(Computation& c) {
  VALENCE_TRY(const std::size_t axis, c.axis(c.node().integer("axis", 0), c.input(0).shape.size()));
  Shape shape = c.input(0).shape;
  shape[axis] = 0;
  for (std::size_t i = 0; i < c.count(); ++i) {
    if (!c.has(i)) return c.node().refuse("an input is missing");
    Shape rest = c.input(i).shape;
    if (rest.size() != shape.size() || is_real(c.input(i).type) != is_real(c.input(0).type)) {
      return c.node().refuse("its inputs do not fit each other");
    }
    shape[axis] += rest[axis];
    rest[axis] = shape[axis];
    if (rest != shape) return c.node().refuse("its inputs do not fit each other");
  }
  VALENCE_TRY(auto result, c.room(c.input(0).type, shape));
  const auto strides = row_major_strides(shape);
  std::size_t first = 0;
  for (std::size_t i = 0; i < c.count(); ++i) {
    const ProbeTensor& part = c.input(i);
    const auto offsets = strided_offsets(part.shape, strides);
    for (std::size_t e = 0; e < offsets.size(); ++e) {
      if (is_real(part.type)) {
        result->reals[first + offsets[e]] = part.reals[e];
      } else {
        result->integers[first + offsets[e]] = part.integers[e];
      }
    }
    first += static_cast<std::size_t>(part.shape[axis] * strides[axis]);
  }
  return result;
}

constexpr std::array kOperators = {
    NamedOperator{"Concat", concat},
    NamedOperator{"Expand", expand},
    NamedOperator{"Flatten", flatten},
    NamedOperator{"Gather", gather},
    NamedOperator{"GatherElements", gather_elements},
    NamedOperator{"GatherND", gather_nd},
    NamedOperator{"Identity", identity},
    NamedOperator{"Reshape", reshape},
    NamedOperator{"Shape", shape_of},
    NamedOperator{"Size", size_of},
    NamedOperator{"Slice", slice},
    NamedOperator{"Squeeze", squeeze},
    NamedOperator{"Tile", tile},
    NamedOperator{"Transpose", transpose},
    NamedOperator{"Unsqueeze", unsqueeze},
};

}  // namespace

std::span<const NamedOperator> layout_operators() { return kOperators; }

}  // namespace valence::onnx
