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
  /// A matrix (never of blocks) whose columns lie one after another, as ONNX stores a linear layer. The shape is [rows,
  /// columns] all the same. Only matrices of linear layers may be like this.
  bool column_major = false;

  [[nodiscard]] std::int64_t elements() const;
};

/// Tensors by name.
using TensorTable = std::map<std::string, TensorView, std::less<>>;

/// Copies `view` into `out` as f32. Exact for F32, F16, BF16, I8, U8; block types become what
/// dequantize (block_formats) says. `out.size()` must equal view.elements(). Other types are an internal error: callers
/// check the dtype first (is_floating or I8). `out` is row-major, whatever the view is.
void copy_as_f32(const TensorView& view, std::span<float> out);

/// The same for as many whole rows of a matrix, from row `first` on, as `out` holds. Where columns lie together, some
/// tens of rows at a time read memory in a better order than one.
void copy_rows_as_f32(const TensorView& matrix, std::int64_t first, std::span<float> out);

}  // namespace valence
