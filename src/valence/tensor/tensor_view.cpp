#include "valence/tensor/tensor_view.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>

#include "valence/base/check.h"
#include "valence/tensor/block_formats.h"

namespace valence {
namespace {

template <class Bits, class Convert>
void convert_elements(std::span<const std::byte> bytes, std::span<float> out, Convert convert) {
  for (std::size_t i = 0; i < out.size(); ++i) {
    Bits bits;
    std::memcpy(&bits, bytes.data() + i * sizeof(Bits), sizeof(Bits));  // tensors in files need not be aligned
    out[i] = convert(bits);
  }
}

}  // namespace

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::int64_t TensorView::elements() const {
  std::int64_t product = 1;
  for (const auto extent : shape) product *= extent;
  return product;
}

void copy_as_f32(const TensorView& view, std::span<float> out) {
  if (view.column_major) return copy_rows_as_f32(view, 0, out);
  VALENCE_ASSERT(view.bytes.size() == size_bytes(view.dtype, out.size()), "the shape was checked against the bytes");
  switch (view.dtype) {
    case DType::kF32:
      if (!out.empty()) std::memcpy(out.data(), view.bytes.data(), view.bytes.size());
      return;
    case DType::kF16:
      return convert_elements<std::uint16_t>(view.bytes, out, f16_to_f32);
    case DType::kBF16:
      return convert_elements<std::uint16_t>(view.bytes, out, bf16_to_f32);
    case DType::kI8:
      return convert_elements<std::int8_t>(view.bytes, out, [](std::int8_t v) { return static_cast<float>(v); });
    case DType::kU8:
      return convert_elements<std::uint8_t>(view.bytes, out, [](std::uint8_t v) { return static_cast<float>(v); });
    case DType::kQ4_0:
    case DType::kQ4_1:
    case DType::kQ5_0:
    case DType::kQ5_1:
    case DType::kQ8_0:
    case DType::kQ2_K:
    case DType::kQ3_K:
    case DType::kQ4_K:
    case DType::kQ5_K:
    case DType::kQ6_K:
      return dequantize(view.dtype, view.bytes, out);
    case DType::kI16:
    case DType::kI32:
    case DType::kI64:
    case DType::kF64:
    case DType::kBool:
      break;
  }
  VALENCE_ASSERT(false, "the dtype was checked before copying");
}

void copy_rows_as_f32(const TensorView& matrix, std::int64_t first, std::span<float> out) {
  VALENCE_ASSERT(matrix.shape.size() == 2, "only matrices have rows");
  const auto rows = static_cast<std::size_t>(matrix.shape[0]);
  const auto columns = static_cast<std::size_t>(matrix.shape[1]);
  const auto begin = static_cast<std::size_t>(first);
  if (!matrix.column_major) {
    const std::size_t row_bytes = size_bytes(matrix.dtype, columns);
    const std::size_t count = columns == 0 ? 0 : out.size() / columns;
    return copy_as_f32({matrix.dtype,
                        {static_cast<std::int64_t>(count), matrix.shape[1]},
                        matrix.bytes.subspan(begin * row_bytes, count * row_bytes)},
                       out);
  }
  const std::size_t count = columns == 0 ? 0 : out.size() / columns;
  std::vector<float> part(count);
  for (std::size_t column = 0; column < columns; ++column) {
    const std::size_t at = size_bytes(matrix.dtype, column * rows + begin);
    copy_as_f32(
        {matrix.dtype, {static_cast<std::int64_t>(count)}, matrix.bytes.subspan(at, size_bytes(matrix.dtype, count))},
        part);
    for (std::size_t row = 0; row < count; ++row) out[row * columns + column] = part[row];
  }
}

}  // namespace valence
