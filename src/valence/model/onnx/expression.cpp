#include "valence/model/onnx/expression.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "valence/base/check.h"

namespace valence::onnx {
namespace {

void append(std::string& key, const WeightRef& ref) {
  fmt::format_to(std::back_inserter(key), "w{},{},{},{},{};", ref.tensor, ref.transposed, ref.scale, ref.zero_point,
                 ref.axis);
}

std::string key_of(const Formula& formula) {
  std::string key = fmt::format("{},{},{},{};", static_cast<int>(formula.kind), formula.a, formula.b, formula.number);
  append(key, formula.weight);
  append(key, formula.bias);
  fmt::format_to(std::back_inserter(key), "n{};", static_cast<const void*>(formula.numbers.get()));
  for (const std::int64_t extent : formula.shape) fmt::format_to(std::back_inserter(key), "{},", extent);
  for (const auto& axis : formula.layout) {
    key += '|';
    for (const Atom& atom : axis) fmt::format_to(std::back_inserter(key), "{}x{},", atom.size, atom.stride);
  }
  return key;
}

/// Neighbouring parts that continue each other, as one.
void merge_atoms(std::vector<Atom>& axis) {
  std::vector<Atom> merged;
  for (const Atom& atom : axis) {
    if (!merged.empty() && merged.back().stride == atom.stride * atom.size) {
      merged.back() = {merged.back().size * atom.size, atom.stride};
    } else {
      merged.push_back(atom);
    }
  }
  axis = std::move(merged);
}

}  // namespace

bool nearly(double a, double b) {
  constexpr double kHalfRounding = 1e-3;  // a half has 11 bits
  return std::fabs(a - b) <= kHalfRounding * std::fabs(b);
}

Layout whole_layout(const Shape& shape) {
  const auto strides = row_major_strides(shape);
  Layout layout(shape.size());
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != 1) layout[i].push_back({shape[i], strides[i]});
  }
  return layout;
}

FormulaId Formulas::make(Formula formula) {
  formula.node = node_;
  const auto [place, is_new] = known_.try_emplace(key_of(formula), static_cast<FormulaId>(all_.size()));
  if (is_new) all_.push_back(std::move(formula));
  return place->second;
}

FormulaId Formulas::unary(FormulaKind kind, FormulaId a) {
  return make({.kind = kind, .a = a, .shape = (*this)[a].shape});
}

FormulaId Formulas::add(FormulaId a, FormulaId b, Shape shape) {
  if (a > b) std::swap(a, b);
  return make({.kind = FormulaKind::kAdd, .a = a, .b = b, .shape = std::move(shape)});
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
  if (whole == 1.0) return inner.id;
  if (const FormulaId activation = recognise_activation(inner.id, whole); activation >= 0) return activation;
  return make({.kind = FormulaKind::kScale, .a = inner.id, .number = whole, .shape = (*this)[inner.id].shape});
}

FormulaId Formulas::shift(FormulaId a, double summand) {
  if (summand == 0) return a;
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

FormulaId Formulas::multiply(FormulaId a, FormulaId b, Shape shape) {
  if ((*this)[a].kind == FormulaKind::kReciprocal) return divide(b, (*this)[a].a, std::move(shape));
  if ((*this)[b].kind == FormulaKind::kReciprocal) return divide(a, (*this)[b].a, std::move(shape));
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
  const double factor = left.factor * right.factor;
  const FormulaId product = make({.kind = FormulaKind::kMultiply,
                                  .a = std::min(left.id, right.id),
                                  .b = std::max(left.id, right.id),
                                  .shape = std::move(shape)});
  if (const FormulaId activation = recognise_activation(product, factor); activation >= 0) return activation;
  return scale(product, factor);
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
  return make({.kind = FormulaKind::kDivide, .a = a, .b = b, .shape = std::move(shape)});
}

FormulaId Formulas::normalize(FormulaId a, double eps, const WeightRef& weight, const WeightRef& bias) {
  return make({.kind = FormulaKind::kNormalize,
               .a = a,
               .number = eps,
               .weight = weight,
               .bias = bias,
               .shape = (*this)[a].shape});
}

FormulaId Formulas::scale_by(FormulaId a, const WeightRef& vector) {
  Formula formula = (*this)[a];
  if (formula.kind == FormulaKind::kNormalize && !formula.weight && !formula.bias) {
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
  if (base.empty() || formula.shape.empty() || base.back() != formula.shape.back()) return false;
  Layout flat(1);
  for (const auto& axis : formula.layout) flat[0].insert(flat[0].end(), axis.begin(), axis.end());
  merge_atoms(flat[0]);
  return flat[0].size() == 1 && flat[0][0].stride == 1;
}

FormulaId Formulas::linear(FormulaId a, const WeightRef& matrix, std::int64_t out_features) {
  Shape shape = (*this)[a].shape;
  shape.back() = out_features;
  if (keeps_rows(a)) {
    const FormulaId base = (*this)[a].a;
    return reshape(linear(base, matrix, out_features), shape);
  }
  return make({.kind = FormulaKind::kLinear, .a = a, .weight = matrix, .shape = std::move(shape)});
}

FormulaId Formulas::product(FormulaId a, FormulaId b, Shape shape) {
  const Scaled left = without_factor(a);
  const Scaled right = without_factor(b);
  const FormulaId product =
      make({.kind = FormulaKind::kProduct, .a = left.id, .b = right.id, .shape = std::move(shape)});
  return scale(product, left.factor * right.factor);
}

FormulaId Formulas::first_row(FormulaId a) {
  const Shape& shape = (*this)[a].shape;
  return make({.kind = FormulaKind::kFirst, .a = a, .shape = {shape[0], shape[2]}});
}

Layout Formulas::layout_of(FormulaId id) const {
  const Formula& formula = (*this)[id];
  return formula.kind == FormulaKind::kView ? formula.layout : whole_layout(formula.shape);
}

FormulaId Formulas::behind_view(FormulaId id) const {
  const Formula& formula = (*this)[id];
  return formula.kind == FormulaKind::kView ? formula.a : id;
}

FormulaId Formulas::view(FormulaId base, Layout layout, Shape shape) {
  for (auto& axis : layout) merge_atoms(axis);
  if (shape == (*this)[base].shape && layout == whole_layout(shape)) return base;
  return make({.kind = FormulaKind::kView, .a = base, .layout = std::move(layout), .shape = std::move(shape)});
}

FormulaId Formulas::transpose(FormulaId a, const std::vector<std::size_t>& order) {
  if (const Scaled inner = without_factor(a); inner.factor != 1.0)
    return scale(transpose(inner.id, order), inner.factor);
  const Layout own = layout_of(a);
  Layout layout;
  Shape shape;
  for (const std::size_t axis : order) {
    layout.push_back(own[axis]);
    shape.push_back((*this)[a].shape[axis]);
  }
  return view(behind_view(a), std::move(layout), std::move(shape));
}

FormulaId Formulas::reshape(FormulaId a, const Shape& shape) {
  if (const Scaled inner = without_factor(a); inner.factor != 1.0) {
    const FormulaId reshaped = reshape(inner.id, shape);
    return reshaped < 0 ? reshaped : scale(reshaped, inner.factor);
  }
  if (std::ranges::find(shape, 0) != shape.end()) return -1;
  std::vector<Atom> rest;  // innermost last, taken from the front
  for (const auto& axis : layout_of(a)) rest.insert(rest.end(), axis.begin(), axis.end());
  std::ranges::reverse(rest);
  Layout layout;
  for (std::int64_t extent : shape) {
    auto& axis = layout.emplace_back();
    while (extent > 1) {
      if (rest.empty()) return -1;
      const Atom atom = rest.back();
      rest.pop_back();
      if (extent % atom.size == 0) {
        axis.push_back(atom);
        extent /= atom.size;
      } else if (atom.size % extent == 0) {
        const std::int64_t inner = atom.size / extent;
        axis.push_back({extent, atom.stride * inner});
        rest.push_back({inner, atom.stride});
        extent = 1;
      } else {
        return -1;
      }
    }
  }
  return rest.empty() ? view(behind_view(a), std::move(layout), shape) : -1;
}

}  // namespace valence::onnx
