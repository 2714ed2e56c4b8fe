#include "valence/model/onnx/expression.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <type_traits>
#include <utility>

namespace valence::onnx {
namespace {

/// Keys are only ever compared, by the thousand for a graph: bytes, each list led by its length.
template <class T>
void append(std::string& key, T value) {
  static_assert(std::is_arithmetic_v<T>);
  key.append(reinterpret_cast<const char*>(&value), sizeof value);
}

template <class T>
void append_all(std::string& key, const std::vector<T>& values) {
  append(key, values.size());
  key.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}

void append(std::string& key, const WeightRef& ref) {
  append(key, ref.tensor);
  if (!ref) return;
  append(key, ref.transposed);
  append(key, ref.scale);
  append(key, ref.zero_point);
  append(key, ref.axis);
  append(key, ref.first);
  append(key, ref.count);
}

std::string key_of(const Formula& formula) {
  std::string key;
  append(key, static_cast<std::uint8_t>(formula.kind));
  append(key, formula.a);
  append(key, formula.b);
  append(key, formula.number);
  append(key, formula.weight);
  append(key, formula.bias);
  append(key, reinterpret_cast<std::uintptr_t>(formula.numbers.get()));
  append(key, formula.offset);
  append_all(key, formula.shape);
  for (const auto& axis : formula.layout) append_all(key, axis);
  return key;
}

}  // namespace

bool nearly(double a, double b) {
  constexpr double kHalfRounding = 1e-3;  // a half has 11 bits
  return std::fabs(a - b) <= kHalfRounding * std::fabs(b);
}

FormulaId Formulas::make(Formula formula) {
  formula.node = node_;
  const auto [place, is_new] = known_.try_emplace(key_of(formula), static_cast<FormulaId>(all_.size()));
  if (is_new) all_.push_back(std::move(formula));
  return place->second;
}

FormulaId Formulas::unary(FormulaKind kind, FormulaId a) {
  const bool looks_along_axis = kind == FormulaKind::kSoftmax || kind == FormulaKind::kMean;
  if (const Shape* const within = looks_along_axis ? nullptr : shape_within(a)) {
    const Shape inner = *within;
    const Shape shape = (*this)[a].shape;
    return reshape(unary(kind, reshape(a, inner)), shape);
  }
  return make({.kind = kind, .a = a, .shape = (*this)[a].shape});
}

Numbers Formulas::intern(const Numbers& numbers) {
  std::string key;
  append(key, is_real(numbers->type));
  append_all(key, numbers->shape);
  append_all(key, numbers->integers);
  append_all(key, numbers->reals);
  return numbers_.try_emplace(std::move(key), numbers).first->second;
}

template <class Make>
FormulaId Formulas::within_views(FormulaId a, FormulaId b, const Shape& shape, Make make_one) {
  a = expand(a, shape);
  b = expand(b, shape);
  const Shape* const of_a = shape_within(a);
  const Shape* const of_b = shape_within(b);
  const Shape* const chosen = of_a == nullptr || (of_b != nullptr && of_b->size() < of_a->size()) ? of_b : of_a;
  if (chosen == nullptr) return make_one(a, b, shape);
  const Shape inner = *chosen;
  const FormulaId inner_a = reshape(a, inner);
  const FormulaId inner_b = reshape(b, inner);
  if (inner_a < 0 || inner_b < 0) return make_one(a, b, shape);
  return reshape(make_one(inner_a, inner_b, inner), shape);
}

FormulaId Formulas::add(FormulaId a, FormulaId b, const Shape& shape) {
  return within_views(a, b, shape, [this](FormulaId x, FormulaId y, const Shape& own) {
    return make({.kind = FormulaKind::kAdd, .a = std::min(x, y), .b = std::max(x, y), .shape = own});
  });
}

FormulaId Formulas::subtract(FormulaId a, FormulaId b, Shape shape) {
  return make({.kind = FormulaKind::kSubtract, .a = a, .b = b, .shape = std::move(shape)});
}

Formulas::Scaled Formulas::without_factor(FormulaId id) const {
  const Formula& formula = (*this)[id];
  return formula.kind == FormulaKind::kScale ? Scaled{formula.a, formula.number} : Scaled{id, 1.0};
}

FormulaId Formulas::scale(FormulaId a, double factor) {
  const Scaled inner = without_factor(a);
  const double whole = inner.factor * factor;
  const Shape shape = (*this)[inner.id].shape;
  const FormulaId product = behind_view(inner.id);
  if (product == inner.id || shape_within(inner.id) != nullptr) {
    if (const FormulaId activation = recognise_activation(product, whole); activation >= 0) {
      return reshape(activation, shape);
    }
  }
  if (whole == 1.0) return inner.id;
  return make({.kind = FormulaKind::kScale, .a = inner.id, .number = whole, .shape = (*this)[inner.id].shape});
}

FormulaId Formulas::shift(FormulaId a, double summand) {
  if (summand == 0) return a;
  if (const Shape* const within = shape_within(a)) {
    const Shape inner = *within;
    const Shape shape = (*this)[a].shape;
    return reshape(shift(reshape(a, inner), summand), shape);
  }
  return make({.kind = FormulaKind::kShift, .a = a, .number = summand, .shape = (*this)[a].shape});
}

bool Formulas::is_cube(FormulaId id, FormulaId of) const {
  const Formula& cube = (*this)[id];
  if (cube.kind != FormulaKind::kMultiply) return false;
  const auto is_square = [&](FormulaId square) {
    const Formula& formula = (*this)[square];
    return formula.kind == FormulaKind::kMultiply && formula.a == of && formula.b == of;
  };
  return (cube.a == of && is_square(cube.b)) || (cube.b == of && is_square(cube.a));
}

/// sqrt(2/pi) (x + 0.044715 x^3), in the two ways it is written: the sum, or x (1 + 0.044715 x^2).
bool Formulas::is_gelu_polynomial(FormulaId id, FormulaId x) const {
  constexpr double kCubic = 0.044715;
  const Scaled polynomial = without_factor(id);
  if (!nearly(polynomial.factor, std::sqrt(2.0 / std::numbers::pi))) return false;
  const Formula& inner = (*this)[polynomial.id];
  const auto is_scaled = [&](FormulaId of, auto check) {
    const Scaled scaled = without_factor(of);
    return nearly(scaled.factor, kCubic) && check(scaled.id);
  };
  if (inner.kind == FormulaKind::kAdd) {
    const auto cube = [&](FormulaId of) { return is_cube(of, x); };
    return (inner.a == x && is_scaled(inner.b, cube)) || (inner.b == x && is_scaled(inner.a, cube));
  }
  if (inner.kind != FormulaKind::kMultiply) return false;
  const FormulaId other = inner.a == x ? inner.b : inner.a;
  if ((inner.a != x && inner.b != x) || (*this)[other].kind != FormulaKind::kShift) return false;
  const auto square = [&](FormulaId of) {
    const Formula& formula = (*this)[of];
    return formula.kind == FormulaKind::kMultiply && formula.a == x && formula.b == x;
  };
  return nearly((*this)[other].number, 1.0) && is_scaled((*this)[other].a, square);
}

/// The activation that `factor` times `product` is; -1 where it is none.
FormulaId Formulas::recognise_activation(FormulaId product, double factor) {
  const Formula formula = (*this)[product];
  if (formula.kind != FormulaKind::kMultiply) return -1;
  for (const auto& [x, other] : {std::pair(formula.a, formula.b), std::pair(formula.b, formula.a)}) {
    const Formula& right = (*this)[other];
    if (right.kind == FormulaKind::kSigmoid && right.a == x && nearly(factor, 1.0)) {
      return unary(FormulaKind::kSilu, x);
    }
    if (right.kind != FormulaKind::kShift || !nearly(right.number, 1.0) || !nearly(factor, 0.5)) continue;
    const Formula& inner = (*this)[right.a];
    if (inner.kind == FormulaKind::kErf) {
      const Scaled argument = without_factor(inner.a);
      if (argument.id == x && nearly(argument.factor, 1 / std::numbers::sqrt2)) return unary(FormulaKind::kGelu, x);
    }
    if (inner.kind == FormulaKind::kTanh && is_gelu_polynomial(inner.a, x)) return unary(FormulaKind::kGeluTanh, x);
  }
  return -1;
}

FormulaId Formulas::multiply(FormulaId a, FormulaId b, const Shape& shape) {
  if ((*this)[a].kind == FormulaKind::kReciprocal) return divide(b, (*this)[a].a, shape);
  if ((*this)[b].kind == FormulaKind::kReciprocal) return divide(a, (*this)[b].a, shape);
  // What DynamicQuantizeLinear and MatMulInteger made is a product of floats again once it is scaled.
  for (const auto& [product, scales] : {std::pair(a, b), std::pair(b, a)}) {
    const Formula integers = (*this)[product];
    const Formula factors = (*this)[scales];
    const bool fits = integers.kind == FormulaKind::kIntProduct && factors.kind == FormulaKind::kScaleProduct &&
                      integers.a == factors.a;
    if (!fits) continue;
    WeightRef weight = integers.weight;
    weight.scale = factors.weight.tensor;
    weight.axis = weight.transposed ? 0 : 1;
    return linear(integers.a, weight, integers.shape.back());
  }
  // Rows of integers, each with its scale.
  for (const auto& [rows, factors] : {std::pair(a, b), std::pair(b, a)}) {
    Formula integers = (*this)[rows];
    const Formula& scales = (*this)[factors];
    if (integers.kind != FormulaKind::kEmbedding || scales.kind != FormulaKind::kEmbedding ||
        integers.numbers != scales.numbers || scales.shape.back() != 1 || integers.weight.scale >= 0) {
      continue;
    }
    integers.weight.scale = scales.weight.tensor;
    integers.weight.axis = 0;
    return make(std::move(integers));
  }
  const Scaled left = without_factor(a);
  const Scaled right = without_factor(b);
  const FormulaId product = within_views(left.id, right.id, shape, [this](FormulaId x, FormulaId y, const Shape& own) {
    return make({.kind = FormulaKind::kMultiply, .a = std::min(x, y), .b = std::max(x, y), .shape = own});
  });
  return scale(product, left.factor * right.factor);
}

FormulaId Formulas::divide(FormulaId a, FormulaId b, Shape shape) {
  const Formula& top = (*this)[a];
  const Formula& root = (*this)[b];
  if (top.kind == FormulaKind::kSubtract && (*this)[top.b].kind == FormulaKind::kMean && (*this)[top.b].a == top.a &&
      root.kind == FormulaKind::kSqrt && (*this)[root.a].kind == FormulaKind::kShift) {
    const Formula& variance = (*this)[(*this)[root.a].a];
    const Formula& square = variance.kind == FormulaKind::kMean ? (*this)[variance.a] : variance;
    if (variance.kind == FormulaKind::kMean && square.kind == FormulaKind::kMultiply && square.a == a &&
        square.b == a) {
      return normalize(top.a, (*this)[root.a].number, {}, {});
    }
  }
  if (root.kind == FormulaKind::kSqrt && (*this)[root.a].kind == FormulaKind::kShift) {
    const Formula& mean = (*this)[(*this)[root.a].a];
    const Formula* const square = mean.kind == FormulaKind::kMean ? &(*this)[mean.a] : nullptr;
    if (square != nullptr && square->kind == FormulaKind::kMultiply && square->a == a && square->b == a) {
      return make({.kind = FormulaKind::kRootNormalize, .a = a, .number = (*this)[root.a].number, .shape = top.shape});
    }
  }
  return make({.kind = FormulaKind::kDivide, .a = a, .b = b, .shape = std::move(shape)});
}

FormulaId Formulas::normalize(FormulaId a, double eps, const WeightRef& weight, const WeightRef& bias) {
  if (keeps_rows(a)) {
    const Shape shape = (*this)[a].shape;
    return reshape(normalize((*this)[a].a, eps, weight, bias), shape);
  }
  return make({.kind = FormulaKind::kNormalize,
               .a = a,
               .number = eps,
               .weight = weight,
               .bias = bias,
               .shape = (*this)[a].shape});
}

FormulaId Formulas::scale_by(FormulaId a, const WeightRef& vector) {
  Formula formula = (*this)[a];
  const bool is_norm = formula.kind == FormulaKind::kNormalize || formula.kind == FormulaKind::kRootNormalize;
  if (is_norm && !formula.weight && !formula.bias) {
    formula.weight = vector;
    return make(std::move(formula));
  }
  if (formula.kind == FormulaKind::kQuantScale) {
    return make({.kind = FormulaKind::kScaleProduct, .a = formula.a, .weight = vector, .shape = formula.shape});
  }
  return make({.kind = FormulaKind::kScaleBy, .a = a, .weight = vector, .shape = formula.shape});
}

FormulaId Formulas::shift_by(FormulaId a, const WeightRef& vector) {
  Formula formula = (*this)[a];
  const bool takes_bias =
      formula.kind == FormulaKind::kLinear || (formula.kind == FormulaKind::kNormalize && formula.weight);
  if (takes_bias && !formula.bias) {
    formula.bias = vector;
    return make(std::move(formula));
  }
  if (formula.kind == FormulaKind::kView && keeps_rows(a)) {
    const Shape shape = formula.shape;
    return reshape(shift_by(formula.a, vector), shape);
  }
  return make({.kind = FormulaKind::kShiftBy, .a = a, .weight = vector, .shape = formula.shape});
}

bool Formulas::keeps_rows(FormulaId a) const {
  const Formula& formula = (*this)[a];
  if (formula.kind != FormulaKind::kView) return false;
  const Shape& base = (*this)[formula.a].shape;
  return !base.empty() && !formula.shape.empty() && base.back() == formula.shape.back() && is_whole(formula);
}

FormulaId Formulas::linear(FormulaId a, const WeightRef& matrix, std::int64_t out_features) {
  Shape shape = (*this)[a].shape;
  shape.back() = out_features;
  if (keeps_rows(a)) {
    const FormulaId base = (*this)[a].a;
    return reshape(linear(base, matrix, out_features), shape);
  }
  if ((*this)[a].kind == FormulaKind::kPick) {
    const Formula picked = (*this)[a];
    return pick(linear(picked.a, matrix, out_features), picked.numbers);
  }
  return make({.kind = FormulaKind::kLinear, .a = a, .weight = matrix, .shape = std::move(shape)});
}

FormulaId Formulas::product(FormulaId a, FormulaId b, const Shape& shape) {
  const Scaled left = without_factor(a);
  const Scaled right = without_factor(b);
  // Always of three axes, whatever the outer ones were joined to.
  const Shape outer(shape.begin(), shape.end() - 2);
  const auto flat = [&](FormulaId id) {
    const Shape own = (*this)[id].shape;
    Shape whole = outer;
    whole.insert(whole.end(), own.end() - 2, own.end());
    const auto joined = static_cast<std::int64_t>(element_count(outer));
    return reshape(expand(id, whole), {joined, own[own.size() - 2], own.back()});
  };
  const FormulaId flat_left = flat(left.id);
  const FormulaId flat_right = flat(right.id);
  if (flat_left < 0 || flat_right < 0) return -1;
  const FormulaId product =
      make({.kind = FormulaKind::kProduct,
            .a = flat_left,
            .b = flat_right,
            .shape = {(*this)[flat_left].shape[0], (*this)[flat_left].shape[1], (*this)[flat_right].shape[2]}});
  return scale(reshape(product, shape), left.factor * right.factor);
}

FormulaId Formulas::embedding(const WeightRef& table, const Numbers& rows, std::int64_t columns) {
  Shape shape = rows->shape;
  shape.push_back(columns);
  return make({.kind = FormulaKind::kEmbedding, .weight = table, .numbers = intern(rows), .shape = std::move(shape)});
}

FormulaId Formulas::stored(const WeightRef& matrix, const Shape& dims) {
  Shape own = dims;
  while (own.size() > 2 && own.front() == 1) own.erase(own.begin());
  return reshape(make({.kind = FormulaKind::kStored, .weight = matrix, .shape = std::move(own)}), dims);
}

FormulaId Formulas::times(FormulaId a, const Numbers& factors) {
  const Scaled inner = without_factor(a);
  const FormulaId product =
      make({.kind = FormulaKind::kTimes, .a = inner.id, .numbers = intern(factors), .shape = (*this)[inner.id].shape});
  return scale(product, inner.factor);
}

FormulaId Formulas::concat(FormulaId a, FormulaId b) {
  Shape shape = (*this)[a].shape;
  shape.back() += (*this)[b].shape.back();
  return make({.kind = FormulaKind::kConcat, .a = a, .b = b, .shape = std::move(shape)});
}

FormulaId Formulas::take(FormulaId a, const Numbers& indices) {
  const Scaled inner = without_factor(a);
  const Shape shape = indices->shape;
  FormulaId from = inner.id;
  Numbers flat = indices;
  if (const Shape* const within = shape_within(from);
      within != nullptr && within->back() == (*this)[from].shape.back()) {
    auto same = std::make_shared<ProbeTensor>(*indices);
    same->shape = *within;
    same->shape.back() = shape.back();
    from = behind_view(from);
    flat = std::move(same);
  }
  const FormulaId taken = make({.kind = FormulaKind::kTake, .a = from, .numbers = intern(flat), .shape = flat->shape});
  return scale(reshape(taken, shape), inner.factor);
}

FormulaId Formulas::pick(FormulaId a, const Numbers& rows) {
  if (keeps_rows(a)) a = behind_view(a);
  return make({.kind = FormulaKind::kPick,
               .a = a,
               .numbers = intern(rows),
               .shape = {static_cast<std::int64_t>(rows->elements()), (*this)[a].shape.back()}});
}

}  // namespace valence::onnx
