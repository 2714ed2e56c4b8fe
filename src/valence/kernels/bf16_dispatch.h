/// \file
/// How training multiplies bf16 on this CPU.
#pragma once

#include "valence/kernels/bf16_products.h"

namespace valence::kernels {

/// How a table multiplies bf16 in training: tiles, or vdpbf16ps where it is faster than f32's arithmetic, or that.
[[nodiscard]] const Bf16Products& bf16_products(const KernelTable& table);

/// Whether those beat the table's f32 products. Where they do not, a step takes up to twice as long as in f32
/// (docs/performance.md).
[[nodiscard]] bool bf16_products_are_fast(const KernelTable& table);

}  // namespace valence::kernels
