/// \file
/// The block formats of GGUF: neighbouring weights of a row as small integers that share a scale, and some a least
/// value.
#pragma once

#include <cstddef>
#include <span>

#include "valence/tensor/dtype.h"

namespace valence {

/// Whole blocks of `dtype`, which must have blocks, as f32 into `out`; `blocks.size()` is size_bytes(dtype,
/// out.size()).
///
/// Every product and sum is rounded to f32 in the reference's order, so values are equal to it bit for bit. Source of
/// the formats: ggml, and as the reference of record gguf.quants.dequantize of PyPI's `gguf`.
void dequantize(DType dtype, std::span<const std::byte> blocks, std::span<float> out);

}  // namespace valence
