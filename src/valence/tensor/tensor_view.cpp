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

TensorView rows_of(const TensorView& view, std::int64_t begin, std::int64_t rows) {
  VALENCE_ASSERT(!view.shape.empty() && begin >= 0 && rows >= 0 && begin + rows <= view.shape[0], "within the tensor");
  TensorView part{view.dtype, view.shape, {}};
  part.shape[0] = rows;
  const std::size_t row_bytes = view.shape[0] == 0 ? 0 : view.bytes.size() / static_cast<std::size_t>(view.shape[0]);
  part.bytes =
      view.bytes.subspan(static_cast<std::size_t>(begin) * row_bytes, static_cast<std::size_t>(rows) * row_bytes);
  return part;
}

void copy_as_f32(const TensorView& view, std::span<float> out) {
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

}  // namespace valence
