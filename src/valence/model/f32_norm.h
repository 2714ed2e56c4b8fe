/// \file
/// A norm's parameters in f32, as the kernels read them.
#pragma once

#include "valence/kernels/kernel_table.h"
#include "valence/model/weights.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence {

struct F32Norm {
  AlignedBuffer<float> weight;
  AlignedBuffer<float> bias;  ///< empty: none
  float epsilon = 0;
  NormKind kind = NormKind::kLayerNorm;

  static F32Norm pack(const LayerNormWeights& weights, const EncoderSpec& spec);

  [[nodiscard]] kernels::LayerNormWeights view() const {
    return {weight.data(), bias.size() == 0 ? nullptr : bias.data(), epsilon, kind};
  }
};

}  // namespace valence
