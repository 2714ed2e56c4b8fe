#include "valence/model/onnx/shape_rules.h"

#include <algorithm>

namespace valence::onnx {
namespace {

std::optional<std::size_t> axis_within(std::int64_t value, std::size_t rank) {
  const auto signed_rank = static_cast<std::int64_t>(rank);
  if (value < -signed_rank || value >= signed_rank) return std::nullopt;
  return static_cast<std::size_t>(value < 0 ? value + signed_rank : value);
}

std::optional<std::int64_t> product(const Shape& shape) {
  std::int64_t product = 1;
  for (const std::int64_t extent : shape) {
    if (extent < 0 || __builtin_mul_overflow(product, extent, &product)) return std::nullopt;
  }
  return product;
}

}  // namespace

bool is_reasonable(const Shape& shape) {
  constexpr std::int64_t kMostElements = std::int64_t{1} << 40U;
  const auto elements = product(shape);
  return elements && *elements <= kMostElements;
}

std::optional<Shape> reshaped(const Shape& own, const Shape& wanted, bool allow_zero) {
  Shape shape = wanted;
  std::optional<std::size_t> free;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !allow_zero) {
      if (i >= own.size()) return std::nullopt;
      shape[i] = own[i];
    } else if (shape[i] == -1) {
      if (free) return std::nullopt;
      free = i;
      shape[i] = 1;
    }
  }
  const auto has = product(own);
  const auto takes = product(shape);
  if (!has || !takes) return std::nullopt;
  if (free) {
    if (*takes == 0 || *has % *takes != 0) return std::nullopt;
    shape[*free] = *has / *takes;
    return shape;
  }
  return *has == *takes ? std::optional(shape) : std::nullopt;
}

std::optional<Shape> flattened(const Shape& own, std::int64_t axis) {
  const auto rank = static_cast<std::int64_t>(own.size());
  if (axis < -rank || axis > rank) return std::nullopt;
  if (axis < 0) axis += rank;
  const auto rows = product(Shape(own.begin(), own.begin() + axis));
  const auto columns = product(Shape(own.begin() + axis, own.end()));
  if (!rows || !columns) return std::nullopt;
  return Shape{*rows, *columns};
}

std::optional<Shape> squeezed(const Shape& own, const std::optional<Axes>& axes) {
  std::vector<bool> gone(own.size(), false);
  if (axes) {
    for (const std::int64_t value : *axes) {
      const auto axis = axis_within(value, own.size());
      if (!axis || own[*axis] != 1) return std::nullopt;
      gone[*axis] = true;
    }
  }
  Shape shape;
  for (std::size_t i = 0; i < own.size(); ++i) {
    if (axes ? !gone[i] : own[i] != 1) shape.push_back(own[i]);
  }
  return shape;
}

std::optional<Shape> unsqueezed(const Shape& own, const Axes& axes) {
  constexpr std::size_t kMaxRank = 16;
  const std::size_t rank = own.size() + axes.size();
  if (rank > kMaxRank) return std::nullopt;
  std::vector<bool> is_new(rank, false);
  for (const std::int64_t value : axes) {
    const auto axis = axis_within(value, rank);
    if (!axis || is_new[*axis]) return std::nullopt;
    is_new[*axis] = true;
  }
  Shape shape;
  std::size_t next = 0;
  for (std::size_t i = 0; i < rank; ++i) shape.push_back(is_new[i] ? 1 : own[next++]);
  return shape;
}

std::optional<std::vector<std::size_t>> permutation(const Axes* perm, std::size_t rank) {
  std::vector<std::size_t> order;
  if (perm == nullptr) {
    for (std::size_t i = rank; i-- > 0;) order.push_back(i);
    return order;
  }
  if (perm->size() != rank) return std::nullopt;
  std::vector<bool> seen(rank, false);
  for (const std::int64_t value : *perm) {
    const auto axis = axis_within(value, rank);
    if (!axis || seen[*axis]) return std::nullopt;
    seen[*axis] = true;
    order.push_back(*axis);
  }
  return order;
}

std::optional<Sliced> sliced(const Shape& own, const Axes& starts, const Axes& ends, const std::optional<Axes>& axes,
                             const std::optional<Axes>& steps) {
  if (starts.size() != ends.size() || (axes && axes->size() != starts.size()) ||
      (steps && steps->size() != starts.size()) || (!axes && starts.size() > own.size())) {
    return std::nullopt;
  }
  Sliced cut{.starts = std::vector<std::int64_t>(own.size(), 0),
             .steps = std::vector<std::int64_t>(own.size(), 1),
             .shape = own};
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const auto axis = axis_within(axes ? (*axes)[i] : static_cast<std::int64_t>(i), own.size());
    if (!axis) return std::nullopt;
    const std::int64_t extent = own[*axis];
    const std::int64_t step = steps ? (*steps)[i] : 1;
    constexpr std::int64_t kLargestStep = 1 << 30;
    if (step == 0 || step < -kLargestStep || step > kLargestStep) return std::nullopt;
    const std::int64_t lowest = step < 0 ? -1 : 0;
    const std::int64_t highest = step < 0 ? extent - 1 : extent;
    const auto bound = [&](std::int64_t value) {
      return std::clamp(value < 0 ? value + extent : value, lowest, highest);
    };
    const std::int64_t first = bound(starts[i]);
    const std::int64_t last = bound(ends[i]);
    const std::int64_t distance = step > 0 ? last - first + step - 1 : first - last - step - 1;
    cut.shape[*axis] = std::max<std::int64_t>(0, distance / (step > 0 ? step : -step));
    cut.starts[*axis] = cut.shape[*axis] == 0 ? 0 : first;
    cut.steps[*axis] = step;
  }
  return cut;
}

}  // namespace valence::onnx
