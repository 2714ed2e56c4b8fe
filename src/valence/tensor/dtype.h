/// \file
/// Element types of tensors in files and memory, the exact conversions to f32, and the rounding one to f16.
/// block_formats has the conversions of the types that share a scale among neighbours.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace valence {

/// The types our readers understand; named as safetensors names them, and from Q4_0 on as GGUF does. The latter store
/// blocks of neighbouring elements of a row.
enum class DType {
  kF32,
  kF16,
  kBF16,
  kI8,
  kU8,
  kI16,
  kI32,
  kI64,
  kF64,
  kBool,
  kQ4_0,
  kQ4_1,
  kQ5_0,
  kQ5_1,
  kQ8_0,
  kQ2_K,
  kQ3_K,
  kQ4_K,
  kQ5_K,
  kQ6_K,
};

/// The fewest elements that are stored together, and the bytes they take. One element in types without blocks.
struct BlockLayout {
  std::size_t elements;
  std::size_t bytes;
};

[[nodiscard]] BlockLayout block_layout(DType dtype);
/// Bytes of `elements` consecutive elements, a multiple of the block's.
[[nodiscard]] inline std::size_t size_bytes(DType dtype, std::size_t elements) {
  const BlockLayout block = block_layout(dtype);
  return elements / block.elements * block.bytes;
}
/// Bytes of one element; of a block where the type has blocks.
[[nodiscard]] inline std::size_t size_bytes(DType dtype) { return block_layout(dtype).bytes; }

[[nodiscard]] inline bool has_blocks(DType dtype) { return block_layout(dtype).elements > 1; }
/// Whether its elements are real numbers, whatever their precision: what a parameter may be stored as by itself.
[[nodiscard]] inline bool is_floating(DType dtype) {
  return dtype == DType::kF32 || dtype == DType::kF16 || dtype == DType::kBF16 || has_blocks(dtype);
}
[[nodiscard]] std::string_view name(DType dtype);

/// bfloat16 is the upper half of a float32, so this is exact.
[[nodiscard]] inline float bf16_to_f32(std::uint16_t bits) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
}

/// IEEE 754 binary16, subnormals included; exact.
[[nodiscard]] float f16_to_f32(std::uint16_t bits);

/// Rounded to the nearest binary16, ties to even; above its range infinity, NaN stays NaN.
[[nodiscard]] std::uint16_t f32_to_f16(float value);

}  // namespace valence
