/// \file
/// Which layers to keep out of int8: greedy, by measuring.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "valence/base/error.h"

namespace valence {

/// How a quantised model did on the labelled rows.
struct LayerScore {
  std::uint64_t right = 0;  ///< rows
  double logit_error = 0;   ///< against f32: tells layers apart that give the same number of right rows
};

struct LayerTrial {
  std::int64_t layer = 0;
  LayerScore score;
};

/// One round: what keeping each remaining layer, beside those kept before, gives.
struct SearchStep {
  std::vector<LayerTrial> trials;
  LayerTrial chosen;
};

struct LayerSearch {
  std::vector<std::int64_t> kept;  ///< ascending
  std::vector<SearchStep> steps;
  LayerScore score;  ///< with `kept`
};

using MeasureKept = std::function<Result<LayerScore>(const std::vector<std::int64_t>& kept)>;

/// Starts with `all_int8`, the score of keeping nothing, and keeps in every round the layer that brings most right rows
/// (of equals the smallest logit error, then the lowest index), until `needed_right` rows are right or all are kept.
Result<LayerSearch> search_layers(std::int64_t num_layers, const LayerScore& all_int8, std::uint64_t needed_right,
                                  const MeasureKept& measure);

}  // namespace valence
