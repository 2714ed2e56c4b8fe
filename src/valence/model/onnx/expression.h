/// \file
/// What a graph computes from its inputs and weights, as a formula: nodes that belong together (the seven of a layer
/// normalisation, the five of a gelu) have become one, and moving axes about is bookkeeping. Exporters differ in the
/// nodes they write; they hardly differ in the formula.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "valence/model/onnx/probe_tensor.h"

namespace valence::onnx {

/// A stored tensor as a graph uses it: turned, or as integers with a scale and a zero point.
struct WeightRef {
  std::int32_t tensor = -1;  ///< index into OnnxFile::tensors; -1: none
  bool transposed = false;
  std::int32_t scale = -1;       ///< -1: the tensor is what it says
  std::int32_t zero_point = -1;  ///< -1: zero
  std::int32_t axis = -1;        ///< of the stored tensor, along which scales run when there are several

  [[nodiscard]] explicit operator bool() const { return tensor >= 0; }
  friend auto operator<=>(const WeightRef&, const WeightRef&) = default;
};

enum class FormulaKind : std::uint8_t {
  kEmbedding,   ///< rows `numbers` of the table `weight`
  kAdd,         ///< a + b
  kSubtract,    ///< a - b
  kMultiply,    ///< a * b
  kDivide,      ///< a / b
  kReciprocal,  ///< 1 / a
  kScale,       ///< a * number
  kShift,       ///< a + number
  kScaleBy,     ///< a * the vector `weight`
  kShiftBy,     ///< a + the vector `weight`
  kSqrt,
  kMean,  ///< over the last axis
  kErf,
  kTanh,
  kSigmoid,
  kRelu,
  kGelu,
  kGeluTanh,
  kSilu,
  kNormalize,  ///< (a - mean) / sqrt(variance + number); then times `weight` if there, then plus `bias` if there
  kLinear,     ///< a times `weight`, stored [in, out] unless transposed; then plus `bias` if there
  kProduct,    ///< matrix product a b of the last two axes
  kMask,       ///< a + numbers
  kFill,       ///< a, and `number` where `numbers` is true
  kSoftmax,    ///< over the last axis
  kIsNan,
  kFirst,      ///< row 0 of the second of three axes
  kView,       ///< a with its axes cut, joined and moved as `layout` says
  kQuantized,  ///< DynamicQuantizeLinear's first output; kQuantScale and kQuantZero are the others
  kQuantScale,
  kQuantZero,
  kIntProduct,    ///< a, quantised, times the stored integers `weight`
  kScaleProduct,  ///< the scale that quantising a gave, times the stored scales `weight`
};

/// A part of an axis: `size` steps of `stride` elements in what a view looks at.
struct Atom {
  std::int64_t size;
  std::int64_t stride;
  friend auto operator<=>(const Atom&, const Atom&) = default;
};
/// Each axis as its parts, outermost first; an axis of one element has none.
using Layout = std::vector<std::vector<Atom>>;

using FormulaId = std::int32_t;

struct Formula {
  FormulaKind kind = FormulaKind::kAdd;
  FormulaId a = -1;
  FormulaId b = -1;
  double number = 0;
  WeightRef weight = {};
  WeightRef bias = {};
  Numbers numbers = nullptr;
  Layout layout = {};
  Shape shape = {};
  std::int32_t node = -1;  ///< the node that finished it, for errors
};

/// Formulas, each kept once: equal ones have equal ids. The makers below simplify as they go and never fail: what they
/// cannot simplify stays as it is, for whoever reads the formula to refuse.
class Formulas {
 public:
  [[nodiscard]] const Formula& operator[](FormulaId id) const { return all_[static_cast<std::size_t>(id)]; }
  [[nodiscard]] std::size_t size() const { return all_.size(); }
  /// The node that what is made from here on comes from.
  void at_node(std::int32_t node) { node_ = node; }

  FormulaId make(Formula formula);
  FormulaId unary(FormulaKind kind, FormulaId a);
  FormulaId add(FormulaId a, FormulaId b, Shape shape);
  FormulaId subtract(FormulaId a, FormulaId b, Shape shape);
  FormulaId multiply(FormulaId a, FormulaId b, Shape shape);
  FormulaId divide(FormulaId a, FormulaId b, Shape shape);
  FormulaId scale(FormulaId a, double factor);
  FormulaId shift(FormulaId a, double summand);
  FormulaId scale_by(FormulaId a, const WeightRef& vector);
  FormulaId shift_by(FormulaId a, const WeightRef& vector);
  FormulaId linear(FormulaId a, const WeightRef& matrix, std::int64_t out_features);
  FormulaId product(FormulaId a, FormulaId b, Shape shape);
  FormulaId normalize(FormulaId a, double eps, const WeightRef& weight, const WeightRef& bias);
  FormulaId first_row(FormulaId a);
  /// -1 where no view shows it so.
  FormulaId reshape(FormulaId a, const Shape& shape);
  FormulaId transpose(FormulaId a, const std::vector<std::size_t>& order);

  /// `id` without a factor around it, and that factor.
  struct Scaled {
    FormulaId id;
    double factor;
  };
  [[nodiscard]] Scaled without_factor(FormulaId id) const;
  /// The layout of a view, or that of a whole tensor.
  [[nodiscard]] Layout layout_of(FormulaId id) const;
  /// What a view looks at, or the formula itself.
  [[nodiscard]] FormulaId behind_view(FormulaId id) const;

 private:
  FormulaId view(FormulaId base, Layout layout, Shape shape);
  FormulaId recognise_activation(FormulaId product, double factor);
  [[nodiscard]] bool is_cube(FormulaId id, FormulaId of) const;
  [[nodiscard]] bool is_gelu_polynomial(FormulaId id, FormulaId x) const;
  /// The formula whose rows are those of `a`, and whether `a` only joins its outer axes.
  [[nodiscard]] bool keeps_rows(FormulaId a) const;

  std::vector<Formula> all_;
  std::map<std::string, FormulaId> known_;
  std::int32_t node_ = -1;
};

/// The layout of a whole row-major tensor.
[[nodiscard]] Layout whole_layout(const Shape& shape);

/// Whether two constants are the same but for the rounding of a graph in halves.
[[nodiscard]] bool nearly(double a, double b);

}  // namespace valence::onnx
