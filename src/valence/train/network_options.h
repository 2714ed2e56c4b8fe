/// \file
/// How a network learns, beside what it is.
#pragma once

#include "valence/kernels/bf16_products.h"
#include "valence/train/dropout_spec.h"

namespace valence::train {

struct NetworkOptions {
  DropoutSpec dropout = {};
  /// Products round their operands to bf16 (dispatch.h, bf16_products); null: all in f32. Parameters, sums, norms,
  /// softmax, loss and what is between them are f32 either way.
  const kernels::Bf16Products* bf16 = nullptr;
};

}  // namespace valence::train
