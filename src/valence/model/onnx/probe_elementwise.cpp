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
    NamedOperator{"Cos", [](Computation& c) { return unary_real(c, [](double x) { return std::cos(x); }); }},
    NamedOperator{"Div", divide},
    NamedOperator{"Equal", [](Computation& c) { return compare(c, [](auto a, auto b) { return a == b; }); }},
    NamedOperator{"Exp", [](Computation& c) { return unary_real(c, [](double x) { return std::exp(x); }); }},
    NamedOperator{"Floor", [](Computation& c) { return unary_real(c, [](double x) { return std::floor(x); }); }},
    NamedOperator{"Greater", [](Computation& c) { return compare(c, [](auto a, auto b) { return a > b; }); }},
    NamedOperator{"GreaterOrEqual", [](Computation& c) { return compare(c, [](auto a, auto b) { return a >= b; }); }},
    NamedOperator{"IsNaN", is_nan},
    NamedOperator{"Less", [](Computation& c) { return compare(c, [](auto a, auto b) { return a < b; }); }},
    NamedOperator{"LessOrEqual", [](Computation& c) { return compare(c, [](auto a, auto b) { return a <= b; }); }},
    NamedOperator{"Log", [](Computation& c) { return unary_real(c, [](double x) { return std::log(x); }); }},
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
    NamedOperator{"Reciprocal", [](Computation& c) { return unary_real(c, [](double x) { return 1 / x; }); }},
    NamedOperator{"Sign",
                  [](Computation& c) {
                    return unary(
                        c, [](std::int64_t x) { return std::int64_t{(x > 0) - (x < 0)}; },
                        [](double x) { return double((x > 0) - (x < 0)); });
                  }},
    NamedOperator{"Sin", [](Computation& c) { return unary_real(c, [](double x) { return std::sin(x); }); }},
    NamedOperator{"Sqrt", [](Computation& c) { return unary_real(c, [](double x) { return std::sqrt(x); }); }},
    NamedOperator{"Sub", subtract},
    NamedOperator{"Where", where},
    NamedOperator{
        "Xor",
        [](Computation& c) { return combine(c, [](std::int64_t a, std::int64_t b) { return (a != 0) != (b != 0); }); }},
};

}  // namespace

std::span<const NamedOperator> elementwise_operators() { return kOperators; }

}  // namespace valence::onnx
