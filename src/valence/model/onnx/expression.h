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
  std::int64_t first = 0;        ///< of a matrix [in, out] or a vector that holds several, the first output
  std::int64_t count = 0;        ///< and how many; 0: all

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
  kRootNormalize,  ///< a / sqrt(mean of squares + number); then times `weight` if there
  kStored,         ///< the matrix `weight` itself
  kTimes,          ///< a * numbers
  kSum,            ///< over the axis `number`, which goes
  kConcat,         ///< a and b, joined along the last axis
  kTake,           ///< of the last axis, what `numbers` says for every element of the result (GatherElements)
  kPick,           ///< of all axes but the last, joined, the rows `numbers`
  kView,           ///< a from `offset` on, with its axes cut, joined, moved and repeated as `layout` says
  kQuantized,      ///< DynamicQuantizeLinear's first output; kQuantScale and kQuantZero are the others
  kQuantScale,
  kQuantZero,
  kIntProduct,    ///< a, quantised, times the stored integers `weight`
  kScaleProduct,  ///< the scale that quantising a gave, times the stored scales `weight`
};

/// A part of an axis: `size` steps of `stride` elements in what a view looks at. A stride of 0 repeats.
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
  std::int64_t offset = 0;
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
  /// The same numbers as some that were seen before, so that equal formulas are one.
  Numbers intern(const Numbers& numbers);
  FormulaId unary(FormulaKind kind, FormulaId a);
  // Those of two formulas take the shape that both broadcast to.
  FormulaId add(FormulaId a, FormulaId b, const Shape& shape);
  FormulaId subtract(FormulaId a, FormulaId b, Shape shape);
  FormulaId multiply(FormulaId a, FormulaId b, const Shape& shape);
  FormulaId divide(FormulaId a, FormulaId b, Shape shape);
  FormulaId scale(FormulaId a, double factor);
  FormulaId shift(FormulaId a, double summand);
  FormulaId scale_by(FormulaId a, const WeightRef& vector);
  FormulaId shift_by(FormulaId a, const WeightRef& vector);
  FormulaId linear(FormulaId a, const WeightRef& matrix, std::int64_t out_features);
  /// Of the last two axes; the others broadcast.
  FormulaId product(FormulaId a, FormulaId b, const Shape& shape);
  FormulaId normalize(FormulaId a, double eps, const WeightRef& weight, const WeightRef& bias);
  FormulaId embedding(const WeightRef& table, const Numbers& rows, std::int64_t columns);
  FormulaId stored(const WeightRef& matrix, const Shape& dims);
  FormulaId times(FormulaId a, const Numbers& factors);
  FormulaId concat(FormulaId a, FormulaId b);
  FormulaId take(FormulaId a, const Numbers& indices);
  FormulaId pick(FormulaId a, const Numbers& rows);
  // Views; -1 where none shows it so.
  FormulaId reshape(FormulaId a, const Shape& shape);
  FormulaId transpose(FormulaId a, const std::vector<std::size_t>& order);
  FormulaId slice(FormulaId a, std::size_t axis, std::int64_t begin, std::int64_t extent);
  FormulaId expand(FormulaId a, const Shape& shape);
  FormulaId tile(FormulaId a, const std::vector<std::int64_t>& repeats);

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
  /// The same elements in the same order, without a view that only cuts and joins axes.
  [[nodiscard]] FormulaId same_elements(FormulaId id) const;

 private:
  FormulaId view(FormulaId base, Layout layout, std::int64_t offset, Shape shape);
  /// The shape of what a factor and a view that only cuts and joins axes stand around; null where there is no such
  /// view.
  [[nodiscard]] const Shape* shape_within(FormulaId id) const;
  /// `make` of two formulas of the same shape, within the views around them.
  template <class Make>
  FormulaId within_views(FormulaId a, FormulaId b, const Shape& shape, Make make_one);
  FormulaId recognise_activation(FormulaId product, double factor);
  [[nodiscard]] bool is_cube(FormulaId id, FormulaId of) const;
  [[nodiscard]] bool is_gelu_polynomial(FormulaId id, FormulaId x) const;
  /// The formula whose rows are those of `a`, and whether `a` only joins its outer axes.
  [[nodiscard]] bool keeps_rows(FormulaId a) const;
  /// Whether a view shows all of what it looks at, in its order.
  [[nodiscard]] bool is_whole(const Formula& view) const;

  std::vector<Formula> all_;
  std::map<std::string, Numbers, std::less<>> numbers_;
  std::map<std::string, FormulaId> known_;
  std::int32_t node_ = -1;
};

/// Neighbouring parts that continue each other, as one.
void merge_atoms(std::vector<Atom>& axis);

/// The layout of a whole row-major tensor.
[[nodiscard]] Layout whole_layout(const Shape& shape);

/// Whether two constants are the same but for the rounding of a graph in halves.
[[nodiscard]] bool nearly(double a, double b);

}  // namespace valence::onnx
