/// \file
/// The f32 table of one Simd type. Included only by the f32_<isa>.cpp files.
#pragma once

#include "valence/kernels/attention_pattern_kernel.h"
#include "valence/kernels/f32_tables.h"
#include "valence/kernels/linear_kernel.h"
#include "valence/kernels/row_kernels.h"

namespace valence::kernels {
namespace {

template <class V>
constexpr F32Kernels f32_kernels() {
  return {.panel_columns = V::kPanelVectors * V::kWidth,
          .linear = linear<V>,
          .attention = attention<V>,
          .attention_scratch_floats = attention_scratch_floats<V>,
          .layer_norm = layer_norm<V>,
          .embed = embed<V>,
          .activate = activate<V>,
          .rotate = rotate<V>,
          .gate = gate<V>,
          .add_rows = add_rows<V>};
}

}  // namespace
}  // namespace valence::kernels
