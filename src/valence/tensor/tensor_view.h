/// \file
/// A typed look at a tensor inside someone else's memory: a mapped file or an embedded model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "valence/tensor/dtype.h"

namespace valence {

/// Row-major extents, outermost first.
using Shape = std::vector<std::int64_t>;

/// "[768, 3072]"
[[nodiscard]] std::string to_string(const Shape& shape);

/// Bytes of a tensor with its type and shape. `bytes.size()` equals size_bytes(dtype, elements()), and the last extent
/// is a multiple of the type's block (checked by whoever makes one). Not necessarily aligned to the element. Whoever
/// holds the storage (a Checkpoint, say) must outlive the view.
struct TensorView {
  DType dtype = DType::kF32;
  Shape shape;
  std::span<const std::byte> bytes;

  [[nodiscard]] std::int64_t elements() const;
};

/// Rows [begin, begin + rows) of a tensor with at least one extent. A vector of a block type (dtype.h) must not be cut
/// within a block.
[[nodiscard]] TensorView rows_of(const TensorView& view, std::int64_t begin, std::int64_t rows);

/// Tensors by name.
using TensorTable = std::map<std::string, TensorView, std::less<>>;

/// Copies `view` into `out` as f32. Exact for F32, F16, BF16, I8, U8; block types become what
/// dequantize (block_formats) says. `out.size()` must equal view.elements(). Other types are an internal error: callers
/// check the dtype first (is_floating or I8).
void copy_as_f32(const TensorView& view, std::span<float> out);

}  // namespace valence
