/// \file
/// What masks do, however a graph writes them.
#pragma once

#include <vector>

#include "valence/model/onnx/graph_walk.h"

namespace valence::onnx {

/// Attention scores without the masks over them.
struct MaskedScores {
  FormulaId scores = -1;
  /// For each element of the scores, of one head where all have the same, whether query sees key; true for queries that
  /// are padding. Empty where something is no mask: it adds what neither hides nor leaves alone.
  std::vector<bool> sees;
};
[[nodiscard]] MaskedScores masked_scores(const Formulas& formulas, FormulaId id, const ProbeBatch& batch);

/// Whether factors for activations [batch, tokens, ..] leave every token alone that is no padding.
[[nodiscard]] bool is_one_for_tokens(const ProbeTensor& factors, const Shape& shape, const ProbeBatch& batch);

/// Whether a kFill of shares [batch, heads, tokens, tokens] touches only those of padding, as query or as key.
[[nodiscard]] bool hides_only_padding(const Formula& fill, const ProbeBatch& batch);

}  // namespace valence::onnx
