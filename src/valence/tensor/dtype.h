/// \file
/// Element types of tensors in files and memory, the exact conversions to f32, and the rounding one to f16.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace valence {

/// The types our readers understand; named as safetensors names them.
enum class DType { kF32, kF16, kBF16, kI8, kU8, kI16, kI32, kI64, kF64, kBool };

[[nodiscard]] std::size_t size_bytes(DType dtype);
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
