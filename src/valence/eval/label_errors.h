/// \file
/// Which labels of the data look wrong to a model that did not learn from these rows.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace valence::eval {

struct LabelSuspect {
  std::size_t row = 0;
  std::int32_t suggested = 0;  ///< the label that the model is surest of
  double margin = 0;           ///< score of the given label less the highest of the others, in [-1, 1]
  bool is_confident = false;   ///< the model is as sure of another label as it usually is where that label is given
};

/// Every row, most suspicious first: confident ones before the rest, then by margin. scores: [rows, num_labels],
/// softmax scores of a model that has not seen the rows (else it repeats the errors it learned); given: label ids.
/// Source: C. G. Northcutt et al., "Confident learning", JAIR 70 (2021), with its thresholds and ranked by normalised
/// margin.
[[nodiscard]] std::vector<LabelSuspect> rank_label_suspects(std::span<const float> scores,
                                                            std::span<const std::int32_t> given,
                                                            std::size_t num_labels);

}  // namespace valence::eval
