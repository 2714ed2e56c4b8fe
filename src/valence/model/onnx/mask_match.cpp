#include "valence/model/onnx/mask_match.h"

#include <algorithm>
#include <utility>

namespace valence::onnx {
namespace {

// Exporters write -inf, the least number of the type, or, years ago, -10000.
constexpr double kLeastMask = -9000;

bool is_square(const Shape& shape, const ProbeBatch& batch) {
  return shape.size() == 4 && shape[0] == batch.batch_size && shape[2] == batch.sequence_length &&
         shape[3] == batch.sequence_length;
}

/// Calls `visit` for each element of scores [batch, heads, tokens, tokens] with the masks of its query and key.
template <class Visit>
void for_each_pair(const Shape& shape, const ProbeBatch& batch, Visit visit) {
  const auto tokens = static_cast<std::size_t>(batch.sequence_length);
  const auto heads = static_cast<std::size_t>(shape[1]);
  for (std::size_t i = 0; i < element_count(shape); ++i) {
    const std::size_t text = i / (tokens * tokens * heads);
    visit(i, batch.attention_mask[text * tokens + i / tokens % tokens] == 1,
          batch.attention_mask[text * tokens + i % tokens] == 1);
  }
}

}  // namespace

MaskedScores masked_scores(const Formulas& formulas, FormulaId id, const ProbeBatch& batch) {
  MaskedScores result{id, {}};
  Shape shape = formulas[id].shape;
  if (!is_square(shape, batch)) return result;
  std::vector<const Formula*> masks;
  constexpr std::size_t kMostMasks = 3;
  const auto is_mask = [&] {
    const FormulaKind kind = formulas[result.scores].kind;
    return kind == FormulaKind::kMask || kind == FormulaKind::kFill;
  };
  for (; masks.size() < kMostMasks && is_mask(); result.scores = formulas[result.scores].a) {
    masks.push_back(&formulas[result.scores]);
  }
  // Nearly always the same for all heads, which saves nearly all of the work.
  const auto is_for_all_heads = [](const Formula* mask) {
    const Shape& own = mask->numbers->shape;
    return own.size() < 3 || own[own.size() - 3] == 1;
  };
  if (std::ranges::all_of(masks, is_for_all_heads)) shape[1] = 1;
  std::vector<bool> sees(element_count(shape), true);
  for (const Formula* const mask : masks) {
    if (broadcast_shape({&mask->numbers->shape, &shape}) != shape) return result;
    const auto offsets = broadcast_offsets(mask->numbers->shape, shape);
    bool hides = true;
    for_each_pair(shape, batch, [&](std::size_t i, bool query, bool) {
      if (!query) return;
      const double value = mask->numbers->at(offsets[i]);
      const double added = mask->kind == FormulaKind::kFill ? (value != 0 ? mask->number : 0) : value;
      if (added < kLeastMask) {
        sees[i] = false;
      } else if (added != 0) {
        hides = false;
      }
    });
    if (!hides) return result;
  }
  result.sees = std::move(sees);
  return result;
}

bool is_one_for_tokens(const ProbeTensor& factors, const Shape& shape, const ProbeBatch& batch) {
  if (shape.size() != 3 || shape[0] != batch.batch_size || shape[1] != batch.sequence_length) return false;
  const Shape tokens = {shape[0], shape[1], 1};
  if (broadcast_shape({&factors.shape, &tokens}) != tokens) return false;
  const auto offsets = broadcast_offsets(factors.shape, tokens);
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    if (batch.attention_mask[i] == 1 && factors.at(offsets[i]) != 1) return false;
  }
  return true;
}

bool hides_only_padding(const Formula& fill, const ProbeBatch& batch) {
  if (!is_square(fill.shape, batch)) return false;
  const auto offsets = broadcast_offsets(fill.numbers->shape, fill.shape);
  bool only_padding = true;
  for_each_pair(fill.shape, batch, [&](std::size_t i, bool query, bool key) {
    if (query && key && fill.numbers->at(offsets[i]) != 0) only_padding = false;
  });
  return only_padding;
}

}  // namespace valence::onnx
