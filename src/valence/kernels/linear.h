/// \file
/// The product of activations with packed weights, and what follows it while the result is still near.
#pragma once

#include "valence/kernels/kernel_table.h"
#include "valence/kernels/packed_linear.h"

namespace valence::kernels {

struct LinearEpilogue {
  Activation activation = Activation::kNone;
  RowsView<const float> residual = {};  ///< [rows, out_features], or data null for none
};

/// out = residual + activation(x W^T + bias).
///
/// x: [rows, in_features], out: [rows, out_features]; x.rows and out.rows agree. No alignment is needed.
/// `out` may be the residual itself (same data and stride); it must not overlap x.
/// An output element is computed by one fixed sequence of operations whatever `rows` is and wherever its row lies, so
/// its bits do not depend on its neighbours. Single-threaded, allocates nothing; callable from many threads.
void linear(RowsView<const float> x, const PackedLinear& weights, const LinearEpilogue& epilogue,
            RowsView<float> out) noexcept;

}  // namespace valence::kernels
