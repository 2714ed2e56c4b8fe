/// \file
/// Weights for EncoderKernels tables out of a vector.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "valence/kernels/packed_weights.h"

namespace valence::kernels {

/// weight: [out_features][in_features].
inline PackedWeights pack(const EncoderKernels& kernels, LinearShape shape, const std::vector<float>& weight,
                          std::span<const float> scales, std::span<const float> bias) {
  return PackedWeights::pack(kernels, {.shape = shape,
                                       .rows =
                                           [&](std::int64_t o, std::span<float> row) {
                                             std::copy_n(weight.begin() + o * shape.in_features, shape.in_features,
                                                         row.begin());
                                           },
                                       .scales = scales,
                                       .bias = bias});
}

}  // namespace valence::kernels
