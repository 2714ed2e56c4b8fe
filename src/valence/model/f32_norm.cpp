#include "valence/model/f32_norm.h"

namespace valence {
namespace {

AlignedBuffer<float> f32_values(const TensorView& view) {
  AlignedBuffer<float> values(static_cast<std::size_t>(view.elements()));
  copy_as_f32(view, values.span());
  return values;
}

}  // namespace

F32Norm F32Norm::pack(const LayerNormWeights& weights, const EncoderSpec& spec) {
  F32Norm norm;
  norm.weight = f32_values(weights.weight);
  if (weights.bias) norm.bias = f32_values(*weights.bias);
  norm.epsilon = spec.layer_norm_eps;
  norm.kind = spec.norm_kind;
  return norm;
}

}  // namespace valence
