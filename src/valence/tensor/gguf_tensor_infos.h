/// \file
/// The list of tensors inside a GGUF file, and where their bytes lie.
#pragma once

#include <cstdint>
#include <span>

#include "valence/base/error.h"
#include "valence/tensor/gguf_cursor.h"
#include "valence/tensor/tensor_view.h"

namespace valence {

/// Fewest bytes of a tensor's entry: an empty name's length, number of dimensions, type and offset.
constexpr std::uint64_t kLeastGgufTensorInfoBytes = 8 + 4 + 4 + 8;

/// Reads `count` entries at `cursor`, which stands behind the metadata, and gives each its bytes of `image`. The data
/// begins at the next multiple of `alignment`, a power of two.
Result<TensorTable> read_gguf_tensors(GgufCursor& cursor, std::uint64_t count, std::uint64_t alignment,
                                      std::span<const std::byte> image);

}  // namespace valence
