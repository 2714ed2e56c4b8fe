#include <algorithm>
#include <utility>

#include "valence/model/onnx/expression.h"

namespace valence::onnx {

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

Layout whole_layout(const Shape& shape) {
  const auto strides = row_major_strides(shape);
  Layout layout(shape.size());
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] != 1) layout[i].push_back({shape[i], strides[i]});
  }
  return layout;
}

Layout Formulas::layout_of(FormulaId id) const {
  const Formula& formula = (*this)[id];
  return formula.kind == FormulaKind::kView ? formula.layout : whole_layout(formula.shape);
}

FormulaId Formulas::behind_view(FormulaId id) const {
  const Formula& formula = (*this)[id];
  return formula.kind == FormulaKind::kView ? formula.a : id;
}

FormulaId Formulas::same_elements(FormulaId id) const {
  const Formula& formula = (*this)[id];
  return formula.kind == FormulaKind::kView && is_whole(formula) ? formula.a : id;
}

bool Formulas::is_whole(const Formula& view) const {
  std::vector<Atom> flat;
  for (const auto& axis : view.layout) flat.insert(flat.end(), axis.begin(), axis.end());
  merge_atoms(flat);
  const auto elements = static_cast<std::int64_t>(element_count((*this)[view.a].shape));
  return view.offset == 0 && (flat.empty() ? elements == 1 : flat.size() == 1 && flat[0] == Atom{elements, 1});
}

const Shape* Formulas::shape_within(FormulaId id) const {
  const Formula& formula = (*this)[without_factor(id).id];
  return formula.kind == FormulaKind::kView && is_whole(formula) ? &(*this)[formula.a].shape : nullptr;
}

FormulaId Formulas::view(FormulaId base, Layout layout, std::int64_t offset, Shape shape) {
  for (auto& axis : layout) merge_atoms(axis);
  if (offset == 0 && shape == (*this)[base].shape && layout == whole_layout(shape)) return base;
  return make({.kind = FormulaKind::kView,
               .a = base,
               .layout = std::move(layout),
               .offset = offset,
               .shape = std::move(shape)});
}

FormulaId Formulas::transpose(FormulaId a, const std::vector<std::size_t>& order) {
  const Scaled inner = without_factor(a);
  if (inner.factor != 1.0) return scale(transpose(inner.id, order), inner.factor);
  const Layout own = layout_of(a);
  Layout layout;
  Shape shape;
  for (const std::size_t axis : order) {
    layout.push_back(own[axis]);
    shape.push_back((*this)[a].shape[axis]);
  }
  return view(behind_view(a), std::move(layout), (*this)[a].offset, std::move(shape));
}

FormulaId Formulas::reshape(FormulaId a, const Shape& shape) {
  if (a < 0) return a;
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
  return rest.empty() ? view(behind_view(a), std::move(layout), (*this)[a].offset, shape) : -1;
}

FormulaId Formulas::slice(FormulaId a, std::size_t axis, std::int64_t begin, std::int64_t extent) {
  const Scaled inner = without_factor(a);
  if (inner.factor != 1.0) {
    const FormulaId cut = slice(inner.id, axis, begin, extent);
    return cut < 0 ? cut : scale(cut, inner.factor);
  }
  Shape shape = (*this)[a].shape;
  Layout layout = layout_of(a);
  std::int64_t offset = (*this)[a].offset;
  auto& atoms = layout[axis];
  if (extent == shape[axis]) return a;
  if (extent == 1) {
    for (std::int64_t at = begin; !atoms.empty(); atoms.pop_back()) {
      offset += at % atoms.back().size * atoms.back().stride;
      at /= atoms.back().size;
    }
  } else {
    if (atoms.size() != 1) return -1;
    offset += begin * atoms.front().stride;
    atoms.front().size = extent;
  }
  shape[axis] = extent;
  return view(behind_view(a), std::move(layout), offset, std::move(shape));
}

FormulaId Formulas::expand(FormulaId a, const Shape& shape) {
  const Shape own = (*this)[a].shape;
  if (own == shape) return a;
  const Scaled inner = without_factor(a);
  if (inner.factor != 1.0) return scale(expand(inner.id, shape), inner.factor);
  const Formula formula = (*this)[a];
  const std::size_t added = shape.size() - own.size();
  const Shape wanted(shape.begin(), shape.end() - 1);
  constexpr std::size_t kMostRows = 1U << 20U;  // of a batch; a graph that makes more of them is odd
  if (formula.kind == FormulaKind::kEmbedding && own.back() == shape.back() && element_count(wanted) <= kMostRows) {
    auto rows = std::make_shared<ProbeTensor>();
    rows->type = formula.numbers->type;
    rows->shape = wanted;
    for (const std::size_t at : broadcast_offsets(formula.numbers->shape, wanted)) {
      rows->integers.push_back(formula.numbers->integers[at]);
    }
    return embedding(formula.weight, rows, shape.back());
  }
  const Layout before = layout_of(a);
  Layout layout(shape.size());
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool is_repeated = i < added || own[i - added] != shape[i];
    if (!is_repeated) {
      layout[i] = before[i - added];
    } else if (shape[i] != 1) {
      layout[i] = {{shape[i], 0}};
    }
  }
  return view(behind_view(a), std::move(layout), formula.offset, shape);
}

FormulaId Formulas::tile(FormulaId a, const std::vector<std::int64_t>& repeats) {
  const Scaled inner = without_factor(a);
  if (inner.factor != 1.0) return scale(tile(inner.id, repeats), inner.factor);
  Layout layout = layout_of(a);
  Shape shape = (*this)[a].shape;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (repeats[i] == 1) continue;
    layout[i].insert(layout[i].begin(), {repeats[i], 0});
    shape[i] *= repeats[i];
  }
  return view(behind_view(a), std::move(layout), (*this)[a].offset, std::move(shape));
}

}  // namespace valence::onnx
