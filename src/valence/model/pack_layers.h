/// \file
/// Packing layer after layer, those with the same parameters once.
#pragma once

#include <memory>
#include <vector>

#include "valence/model/backend.h"
#include "valence/model/model.h"

namespace valence {

/// For each encoder layer that `chosen` names, pack(weights, one_row) or an earlier layer's of the same parameters;
/// null for the others. `one_row`: the layer is the last, and computes one row of each sequence. Mapped weights that
/// were packed give their memory back.
template <class Layer, class Pack>
std::vector<std::shared_ptr<const Layer>> pack_layers(const Model& model, const std::vector<bool>& chosen,
                                                      OutputRows last_rows, Pack pack) {
  const auto& weights = model.weights.layers;
  std::vector<std::shared_ptr<const Layer>> layers(weights.size());
  for (std::size_t i = 0; i < weights.size(); ++i) {
    if (!chosen[i]) continue;
    const bool one_row = i + 1 == weights.size() && last_rows == OutputRows::kOneOfEach;
    for (std::size_t earlier = 0; earlier < i && !one_row && !layers[i]; ++earlier) {
      if (share_parameters(weights[earlier], weights[i])) layers[i] = layers[earlier];
    }
    if (layers[i]) continue;
    layers[i] = std::make_shared<const Layer>(pack(weights[i], one_row));
    for (const LinearWeights* linear : linear_weights(weights[i])) model.checkpoint.release(linear->weight.values);
  }
  return layers;
}

}  // namespace valence
