#include "valence/model/onnx/probe_ops.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>

#include "valence/model/onnx/shape_rules.h"

namespace valence::onnx {
namespace {

using Output = Result<Numbers>;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

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
      if (!has(i)) return node_.refuse(fmt::format("it needs {} inputs", least));
    }
    return {};
  }

  /// A tensor of `shape` with zeros.
  Result<std::shared_ptr<ProbeTensor>> room(OnnxType type, const Shape& shape) {
    std::int64_t count = 1;
    for (const std::int64_t extent : shape) {
      if (extent < 0 || __builtin_mul_overflow(count, extent, &count)) {
        return node_.refuse(fmt::format("its result would have the shape {}", to_string(shape)));
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
      return node_.refuse(fmt::format("input {} is no list of integers", i));
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
      return node_.refuse(fmt::format("axis {} of a tensor of {} dimensions", value, rank));
    }
    return static_cast<std::size_t>(value < 0 ? value + signed_rank : value);
  }

 private:
  const NodeView& node_;
  std::span<const Numbers> inputs_;
  ProbeBudget& budget_;
};

/// Copies the elements at `offsets` of `from`.
void take(const ProbeTensor& from, std::span<const std::size_t> offsets, ProbeTensor& to) {
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (is_real(from.type)) {
      to.reals[i] = from.reals[offsets[i]];
    } else {
      to.integers[i] = from.integers[offsets[i]];
    }
  }
}

Output with_shape(Computation& c, const Shape& shape) {
  VALENCE_TRY(auto result, c.room(c.input(0).type, shape));
  result->reals = c.input(0).reals;
  result->integers = c.input(0).integers;
  return result;
}

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

std::int64_t saturate(double value) {
  constexpr double kLimit = 9.2e18;
  return std::isnan(value) ? 0 : static_cast<std::int64_t>(std::clamp(value, -kLimit, kLimit));
}

Output cast_to(Computation& c, OnnxType type) {
  const ProbeTensor& from = c.input(0);
  if (!element_bytes(type)) return c.node().refuse(fmt::format("a cast to {}", name(type)));
  VALENCE_TRY(auto result, c.room(type, from.shape));
  for (std::size_t i = 0; i < from.elements(); ++i) {
    if (is_real(type)) {
      result->reals[i] = from.at(i);
    } else if (type == OnnxType::kBool) {
      result->integers[i] = from.at(i) != 0;
    } else {
      result->integers[i] = is_real(from.type) ? saturate(from.reals[i]) : from.integers[i];
    }
  }
  return result;
}

Output cast(Computation& c) { return cast_to(c, static_cast<OnnxType>(c.node().integer("to", 0))); }

Output cast_like(Computation& c) {
  VALENCE_TRY_STATUS(c.need(2));
  return cast_to(c, c.input(1).type);
}

template <class OnIntegers, class OnReals>
Output unary(Computation& c, OnIntegers on_integers, OnReals on_reals) {
  VALENCE_TRY(auto result, c.room(c.input(0).type, c.input(0).shape));
  std::ranges::transform(c.input(0).integers, result->integers.begin(), on_integers);
  std::ranges::transform(c.input(0).reals, result->reals.begin(), on_reals);
  return result;
}

template <class OnReals>
Output unary_real(Computation& c, OnReals on_reals) {
  if (!is_real(c.input(0).type)) return c.node().refuse("its input is no float");
  return unary(
      c, [](std::int64_t x) { return x; }, on_reals);
}

Output is_nan(Computation& c) {
  VALENCE_TRY(auto result, c.room(OnnxType::kBool, c.input(0).shape));
  for (std::size_t i = 0; i < c.input(0).elements(); ++i) result->integers[i] = std::isnan(c.input(0).at(i));
  return result;
}

/// Integer arithmetic that wraps, as on every machine.
std::int64_t wrapping(std::uint64_t value) { return static_cast<std::int64_t>(value); }

/// `on_reals` and `on_integers` say one pair's result; `result_type` of kUndefined: that of the inputs.
template <class OnIntegers, class OnReals>
Output binary(Computation& c, OnnxType result_type, OnIntegers on_integers, OnReals on_reals) {
  VALENCE_TRY_STATUS(c.need(2));
  const ProbeTensor& a = c.input(0);
  const ProbeTensor& b = c.input(1);
  const auto shape = broadcast_shape({&a.shape, &b.shape});
  if (!shape || is_real(a.type) != is_real(b.type)) return c.node().refuse("its inputs do not fit each other");
  const bool keeps = result_type == OnnxType::kUndefined;
  VALENCE_TRY(auto result, c.room(keeps ? a.type : result_type, *shape));
  const auto from_a = broadcast_offsets(a.shape, *shape);
  const auto from_b = broadcast_offsets(b.shape, *shape);
  for (std::size_t i = 0; i < from_a.size(); ++i) {
    if (!is_real(a.type)) {
      result->integers[i] = on_integers(a.integers[from_a[i]], b.integers[from_b[i]]);
    } else if (keeps) {
      result->reals[i] = static_cast<double>(on_reals(a.reals[from_a[i]], b.reals[from_b[i]]));
    } else {
      result->integers[i] = static_cast<std::int64_t>(on_reals(a.reals[from_a[i]], b.reals[from_b[i]]));
    }
  }
  return result;
}

Output add(Computation& c) {
  return binary(
      c, OnnxType::kUndefined,
      [](std::int64_t a, std::int64_t b) {
        return wrapping(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
      },
      [](double a, double b) { return a + b; });
}

Output subtract(Computation& c) {
  return binary(
      c, OnnxType::kUndefined,
      [](std::int64_t a, std::int64_t b) {
        return wrapping(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
      },
      [](double a, double b) { return a - b; });
}

Output multiply(Computation& c) {
  return binary(
      c, OnnxType::kUndefined,
      [](std::int64_t a, std::int64_t b) {
        return wrapping(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
      },
      [](double a, double b) { return a * b; });
}

bool divisible(std::int64_t a, std::int64_t b) {
  return b != 0 && !(a == std::numeric_limits<std::int64_t>::min() && b == -1);
}

Output divide(Computation& c) {
  return binary(
      c, OnnxType::kUndefined, [](std::int64_t a, std::int64_t b) { return divisible(a, b) ? a / b : 0; },
      [](double a, double b) { return a / b; });
}

Output modulo(Computation& c) {
  const bool truncates = c.node().integer("fmod", 0) == 1;
  return binary(
      c, OnnxType::kUndefined,
      [truncates](std::int64_t a, std::int64_t b) {
        if (!divisible(a, b)) return std::int64_t{0};
        const std::int64_t rest = a % b;
        return rest != 0 && !truncates && (rest < 0) != (b < 0) ? rest + b : rest;
      },
      [](double a, double b) { return std::fmod(a, b); });
}

Output power(Computation& c) {
  return binary(
      c, OnnxType::kUndefined,
      [](std::int64_t a, std::int64_t b) { return saturate(std::pow(static_cast<double>(a), static_cast<double>(b))); },
      [](double a, double b) { return std::pow(a, b); });
}

template <class Compare>
Output compare(Computation& c, Compare compare) {
  return binary(
      c, OnnxType::kBool, [=](auto a, auto b) { return std::int64_t{compare(a, b)}; },
      [=](auto a, auto b) { return compare(a, b); });
}

template <class Combine>
Output combine(Computation& c, Combine combine) {
  return binary(
      c, OnnxType::kUndefined, [=](std::int64_t a, std::int64_t b) { return std::int64_t{combine(a, b)}; },
      [](double a, double) { return a; });
}

/// Min, Max: any number of inputs.
Output extreme(Computation& c, bool greatest) {
  Numbers best = c.shared(0);
  for (std::size_t i = 1; i < c.count(); ++i) {
    const std::array<Numbers, 2> pair = {best, c.shared(i)};
    Computation two(c.node(), pair, c.budget());
    VALENCE_TRY(best, binary(
                          two, OnnxType::kUndefined,
                          [=](std::int64_t a, std::int64_t b) { return greatest ? std::max(a, b) : std::min(a, b); },
                          [=](double a, double b) { return greatest ? std::max(a, b) : std::min(a, b); }));
  }
  return best;
}

Output clip(Computation& c) {
  double least = c.node().number("min", -std::numeric_limits<float>::max());
  double greatest = c.node().number("max", std::numeric_limits<float>::max());
  if (!is_real(c.input(0).type)) {
    least = -9e18;
    greatest = 9e18;
  }
  if (c.has(1) && c.input(1).elements() == 1) least = c.input(1).at(0);
  if (c.has(2) && c.input(2).elements() == 1) greatest = c.input(2).at(0);
  return unary(
      c, [=](std::int64_t x) { return std::min(std::max(x, saturate(least)), saturate(greatest)); },
      [=](double x) { return std::min(std::max(x, least), greatest); });
}

Output where(Computation& c) {
  VALENCE_TRY_STATUS(c.need(3));
  const auto shape = broadcast_shape({&c.input(0).shape, &c.input(1).shape, &c.input(2).shape});
  if (!shape || is_real(c.input(0).type) || is_real(c.input(1).type) != is_real(c.input(2).type)) {
    return c.node().refuse("its inputs do not fit each other");
  }
  VALENCE_TRY(auto result, c.room(c.input(1).type, *shape));
  const auto condition = broadcast_offsets(c.input(0).shape, *shape);
  const std::array<std::vector<std::size_t>, 2> from = {broadcast_offsets(c.input(2).shape, *shape),
                                                        broadcast_offsets(c.input(1).shape, *shape)};
  for (std::size_t i = 0; i < condition.size(); ++i) {
    const bool chosen = c.input(0).integers[condition[i]] != 0;
    const ProbeTensor& source = c.input(chosen ? 1 : 2);
    const std::size_t at = from[chosen ? 1 : 0][i];
    if (is_real(source.type)) {
      result->reals[i] = source.reals[at];
    } else {
      result->integers[i] = source.integers[at];
    }
  }
  return result;
}

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

struct NamedOperator {
  std::string_view name;
  Output (*compute)(Computation&);
};

constexpr std::array kOperators = {
    NamedOperator{"Abs",
                  [](Computation& c) {
                    return unary(
                        c, [](std::int64_t x) { return x < 0 ? wrapping(0 - static_cast<std::uint64_t>(x)) : x; },
                        [](double x) { return std::fabs(x); });
                  }},
    NamedOperator{"Add", add},
    NamedOperator{
        "And",
        [](Computation& c) { return combine(c, [](std::int64_t a, std::int64_t b) { return a != 0 && b != 0; }); }},
    NamedOperator{"Cast", cast},
    NamedOperator{"CastLike", cast_like},
    NamedOperator{"Ceil", [](Computation& c) { return unary_real(c, [](double x) { return std::ceil(x); }); }},
    NamedOperator{"Clip", clip},
    NamedOperator{"Concat", concat},
    NamedOperator{"Cos", [](Computation& c) { return unary_real(c, [](double x) { return std::cos(x); }); }},
    NamedOperator{"CumSum", cumulative_sum},
    NamedOperator{"Div", divide},
    NamedOperator{"Equal", [](Computation& c) { return compare(c, [](auto a, auto b) { return a == b; }); }},
    NamedOperator{"Exp", [](Computation& c) { return unary_real(c, [](double x) { return std::exp(x); }); }},
    NamedOperator{"Expand", expand},
    NamedOperator{"Flatten", flatten},
    NamedOperator{"Floor", [](Computation& c) { return unary_real(c, [](double x) { return std::floor(x); }); }},
    NamedOperator{"Gather", gather},
    NamedOperator{"GatherElements", gather_elements},
    NamedOperator{"GatherND", gather_nd},
    NamedOperator{"Greater", [](Computation& c) { return compare(c, [](auto a, auto b) { return a > b; }); }},
    NamedOperator{"GreaterOrEqual", [](Computation& c) { return compare(c, [](auto a, auto b) { return a >= b; }); }},
    NamedOperator{"Identity", identity},
    NamedOperator{"IsNaN", is_nan},
    NamedOperator{"Less", [](Computation& c) { return compare(c, [](auto a, auto b) { return a < b; }); }},
    NamedOperator{"LessOrEqual", [](Computation& c) { return compare(c, [](auto a, auto b) { return a <= b; }); }},
    NamedOperator{"Log", [](Computation& c) { return unary_real(c, [](double x) { return std::log(x); }); }},
    NamedOperator{"MatMul", matrix_product},
    NamedOperator{"Max", [](Computation& c) { return extreme(c, true); }},
    NamedOperator{"Min", [](Computation& c) { return extreme(c, false); }},
    NamedOperator{"Mod", modulo},
    NamedOperator{"Mul", multiply},
    NamedOperator{"Neg",
                  [](Computation& c) {
                    return unary(
                        c, [](std::int64_t x) { return wrapping(0 - static_cast<std::uint64_t>(x)); },
                        [](double x) { return -x; });
                  }},
    NamedOperator{"Not",
                  [](Computation& c) {
                    return unary(
                        c, [](std::int64_t x) { return std::int64_t{x == 0}; }, [](double x) { return x; });
                  }},
    NamedOperator{
        "Or",
        [](Computation& c) { return combine(c, [](std::int64_t a, std::int64_t b) { return a != 0 || b != 0; }); }},
    NamedOperator{"Pow", power},
    NamedOperator{"Range", range},
    NamedOperator{"Reciprocal", [](Computation& c) { return unary_real(c, [](double x) { return 1 / x; }); }},
    NamedOperator{
        "ReduceMax",
        [](Computation& c) { return reduce(c, -kInfinity, [](double a, double b) { return std::max(a, b); }); }},
    NamedOperator{
        "ReduceMin",
        [](Computation& c) { return reduce(c, kInfinity, [](double a, double b) { return std::min(a, b); }); }},
    NamedOperator{"ReduceProd", [](Computation& c) { return reduce(c, 1, [](double a, double b) { return a * b; }); }},
    NamedOperator{"ReduceSum", [](Computation& c) { return reduce(c, 0, [](double a, double b) { return a + b; }); }},
    NamedOperator{"Reshape", reshape},
    NamedOperator{"Shape", shape_of},
    NamedOperator{"Sign",
                  [](Computation& c) {
                    return unary(
                        c, [](std::int64_t x) { return std::int64_t{(x > 0) - (x < 0)}; },
                        [](double x) { return double((x > 0) - (x < 0)); });
                  }},
    NamedOperator{"Sin", [](Computation& c) { return unary_real(c, [](double x) { return std::sin(x); }); }},
    NamedOperator{"Size", size_of},
    NamedOperator{"Slice", slice},
    NamedOperator{"Sqrt", [](Computation& c) { return unary_real(c, [](double x) { return std::sqrt(x); }); }},
    NamedOperator{"Squeeze", squeeze},
    NamedOperator{"Sub", subtract},
    NamedOperator{"Tile", tile},
    NamedOperator{"Transpose", transpose},
    NamedOperator{"Trilu", trilu},
    NamedOperator{"Unsqueeze", unsqueeze},
    NamedOperator{"Where", where},
    NamedOperator{
        "Xor",
        [](Computation& c) { return combine(c, [](std::int64_t a, std::int64_t b) { return (a != 0) != (b != 0); }); }},
};

Output constant_of_shape(const NodeView& node, Computation& c, const Numbers& value) {
  VALENCE_TRY(const Shape shape, c.list(0));
  static const Numbers kZero = std::make_shared<ProbeTensor>(ProbeTensor{OnnxType::kFloat, {1}, {}, {0.0}});
  const Numbers& fill = value ? value : kZero;
  if (fill->elements() != 1) return node.refuse("its value is no single number");
  VALENCE_TRY(auto result, c.room(fill->type, shape));
  std::ranges::fill(result->reals, fill->at(0));
  if (!is_real(fill->type)) std::ranges::fill(result->integers, fill->integers[0]);
  return result;
}

}  // namespace

Result<std::vector<Numbers>> compute(const NodeView& node, std::span<const Numbers> inputs, ProbeBudget& budget) {
  Computation computation(node, inputs, budget);
  if (node.op() != "ConstantOfShape" && node.op() != "Range") VALENCE_TRY_STATUS(computation.need(1));
  if (node.node().outputs.size() != 1) return node.refuse("it has other outputs than one");
  if (node.op() == "ConstantOfShape") {
    VALENCE_TRY_STATUS(computation.need(1));
    VALENCE_TRY(Numbers result, constant_of_shape(node, computation, inputs.size() > 1 ? inputs[1] : nullptr));
    return std::vector<Numbers>{std::move(result)};
  }
  const auto found = std::ranges::find(kOperators, node.op(), &NamedOperator::name);
  if (found == kOperators.end()) return node.refuse("no encoder of a known kind has such an operator");
  VALENCE_TRY(Numbers result, found->compute(computation));
  return std::vector<Numbers>{std::move(result)};
}

}  // namespace valence::onnx
