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

constexpr double kInfinity = std::numeric_limits<double>::infinity();

Output range(Computation& c) {
  VALENCE_TRY_STATUS(c.need(3));
  for (std::size_t i = 0; i < 3; ++i) {
    if (c.input(i).elements() != 1) return c.node().refuse("its inputs are no single numbers");
  }
  const double start = c.input(0).at(0);
  const double step = c.input(2).at(0);
  const double count = step == 0 ? -1 : std::ceil((c.input(1).at(0) - start) / step);
  constexpr double kMost = 1e7;
  if (std::isnan(count) || count > kMost || step == 0) return c.node().refuse("its bounds");
  VALENCE_TRY(auto result, c.room(c.input(0).type, {std::max<std::int64_t>(0, static_cast<std::int64_t>(count))}));
  for (std::size_t i = 0; i < result->elements(); ++i) {
    const double value = start + static_cast<double>(i) * step;
    if (is_real(result->type)) {
      result->reals[i] = value;
    } else {
      result->integers[i] = saturate(value);
    }
  }
  return result;
}

Output cumulative_sum(Computation& c) {
  VALENCE_TRY_STATUS(c.need(2));
  if (c.input(1).elements() != 1 || c.node().integer("reverse", 0) != 0)
    return c.node().refuse("its axis or direction");
  VALENCE_TRY(const std::size_t axis, c.axis(saturate(c.input(1).at(0)), c.input(0).shape.size()));
  const bool exclusive = c.node().integer("exclusive", 0) == 1;
  VALENCE_TRY(auto result, c.room(c.input(0).type, c.input(0).shape));
  Shape others = c.input(0).shape;
  const auto extent = static_cast<std::size_t>(std::exchange(others[axis], 1));
  const auto strides = row_major_strides(c.input(0).shape);
  const auto stride = static_cast<std::size_t>(strides[axis]);
  for (const std::size_t first : strided_offsets(others, strides)) {
    double sum = 0;
    for (std::size_t i = 0; i < extent; ++i) {
      const std::size_t at = first + i * stride;
      const double before = sum;
      sum += c.input(0).at(at);
      const double value = exclusive ? before : sum;
      if (is_real(result->type)) {
        result->reals[at] = value;
      } else {
        result->integers[at] = saturate(value);
      }
    }
  }
  return result;
}

/// ArgMax: the first place of the greatest.
Output first_greatest(Computation& c) {
  const ProbeTensor& from = c.input(0);
  VALENCE_TRY(const std::size_t axis, c.axis(c.node().integer("axis", 0), from.shape.size()));
  if (c.node().integer("select_last_index", 0) != 0) return c.node().refuse("it asks for the last of several");
  Shape kept = from.shape;
  const std::int64_t extent = std::exchange(kept[axis], 1);
  if (extent == 0) return c.node().refuse("its axis is empty");
  Shape shape = kept;
  if (c.node().integer("keepdims", 1) == 0) shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(axis));
  VALENCE_TRY(auto result, c.room(OnnxType::kInt64, shape));
  const auto strides = row_major_strides(from.shape);
  const auto stride = static_cast<std::size_t>(strides[axis]);
  std::size_t at = 0;
  for (const std::size_t first : strided_offsets(kept, strides)) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < static_cast<std::size_t>(extent); ++i) {
      if (from.at(first + i * stride) > from.at(first + best * stride)) best = i;
    }
    result->integers[at++] = static_cast<std::int64_t>(best);
  }
  return Numbers(result);
}

template <class Combine>
Output reduce(Computation& c, double initial, Combine combine) {
  VALENCE_TRY(const auto given, c.axes(1, "axes"));
  const Shape& own = c.input(0).shape;
  std::vector<bool> reduced(own.size(), !given || given->empty());
  if (given) {
    if (given->empty() && c.node().integer("noop_with_empty_axes", 0) == 1) return c.shared(0);
    for (const std::int64_t value : *given) {
      VALENCE_TRY(const std::size_t axis, c.axis(value, own.size()));
      reduced[axis] = true;
    }
  }
  Shape kept;
  Shape shape;
  const bool keeps = c.node().integer("keepdims", 1) == 1;
  for (std::size_t i = 0; i < own.size(); ++i) {
    kept.push_back(reduced[i] ? 1 : own[i]);
    if (!reduced[i] || keeps) shape.push_back(kept.back());
  }
  VALENCE_TRY(auto result, c.room(c.input(0).type, shape));
  std::vector<double> values(element_count(kept), initial);
  const auto to = broadcast_offsets(kept, own);
  for (std::size_t i = 0; i < to.size(); ++i) values[to[i]] = combine(values[to[i]], c.input(0).at(i));
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (is_real(result->type)) {
      result->reals[i] = values[i];
    } else {
      result->integers[i] = saturate(values[i]);
    }
  }
  return result;
}

/// Of the last two axes; the others broadcast.
Output matrix_product(Computation& c) {
  VALENCE_TRY_STATUS(c.need(2));
  const ProbeTensor& a = c.input(0);
  const ProbeTensor& b = c.input(1);
  const std::size_t rank_a = a.shape.size();
  const std::size_t rank_b = b.shape.size();
  if (!is_real(a.type) || !is_real(b.type) || rank_a < 2 || rank_b < 2 || a.shape.back() != b.shape[rank_b - 2]) {
    return c.node().refuse("its inputs do not fit each other");
  }
  const Shape outer_a(a.shape.begin(), a.shape.end() - 2);
  const Shape outer_b(b.shape.begin(), b.shape.end() - 2);
  const auto outer = broadcast_shape({&outer_a, &outer_b});
  if (!outer) return c.node().refuse("its inputs do not fit each other");
  const auto rows = static_cast<std::size_t>(a.shape[rank_a - 2]);
  const auto inner = static_cast<std::size_t>(a.shape.back());
  const auto columns = static_cast<std::size_t>(b.shape.back());
  Shape shape = *outer;
  shape.insert(shape.end(), {a.shape[rank_a - 2], b.shape.back()});
  VALENCE_TRY(auto result, c.room(a.type, shape));
  if (inner > 0 && !c.budget().spend(result->elements() * inner)) return c.node().refuse("its inputs are too large");
  const auto from_a = broadcast_offsets(outer_a, *outer);
  const auto from_b = broadcast_offsets(outer_b, *outer);
  std::size_t at = 0;
  for (std::size_t o = 0; o < from_a.size(); ++o) {
    for (std::size_t row = 0; row < rows; ++row) {
      for (std::size_t column = 0; column < columns; ++column, ++at) {
        double sum = 0;
        for (std::size_t i = 0; i < inner; ++i) {
          sum += a.reals[(from_a[o] * rows + row) * inner + i] * b.reals[(from_b[o] * inner + i) * columns + column];
        }
        result->reals[at] = sum;
      }
    }
  }
  return Numbers(result);
}

Output trilu(Computation& c) {
  const Shape& own = c.input(0).shape;
  if (own.size() < 2) return c.node().refuse("its input is no matrix");
  const bool upper = c.node().integer("upper", 1) == 1;
  const std::int64_t k = c.has(1) && c.input(1).elements() == 1 ? saturate(c.input(1).at(0)) : 0;
  VALENCE_TRY(Numbers copy, with_shape(c, own));
  auto result = std::make_shared<ProbeTensor>(*copy);
  const std::int64_t columns = own.back();
  const std::int64_t rows = own[own.size() - 2];
  for (std::size_t i = 0; i < result->elements(); ++i) {
    const std::int64_t column = static_cast<std::int64_t>(i) % columns;
    const std::int64_t row = static_cast<std::int64_t>(i) / columns % rows;
    const bool keep = upper ? column - row >= k : column - row <= k;
    if (keep) continue;
    if (is_real(result->type)) {
      result->reals[i] = 0;
    } else {
      result->integers[i] = 0;
    }
  }
  return Numbers(result);
}

constexpr std::array kOperators = {
    NamedOperator{"ArgMax", first_greatest},
    NamedOperator{"CumSum", cumulative_sum},
    NamedOperator{"MatMul", matrix_product},
    NamedOperator{"Range", range},
    NamedOperator{
        "ReduceMax",
        [](Computation& c) { return reduce(c, -kInfinity, [](double a, double b) { return std::max(a, b); }); }},
    NamedOperator{
        "ReduceMin",
        [](Computation& c) { return reduce(c, kInfinity, [](double a, double b) { return std::min(a, b); }); }},
    NamedOperator{"ReduceProd", [](Computation& c) { return reduce(c, 1, [](double a, double b) { return a * b; }); }},
    NamedOperator{"ReduceSum", [](Computation& c) { return reduce(c, 0, [](double a, double b) { return a + b; }); }},
    NamedOperator{"Trilu", trilu},
};

}  // namespace

std::span<const NamedOperator> reducing_operators() { return kOperators; }

}  // namespace valence::onnx
