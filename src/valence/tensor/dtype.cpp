#include "valence/tensor/dtype.h"

namespace valence {

BlockLayout block_layout(DType dtype) {
  constexpr std::size_t kBlock = 32;
  constexpr std::size_t kSuperBlock = 256;
  switch (dtype) {
    case DType::kI8:
    case DType::kU8:
    case DType::kBool:
      return {1, 1};
    case DType::kF16:
    case DType::kBF16:
    case DType::kI16:
      return {1, 2};
    case DType::kF32:
    case DType::kI32:
      return {1, 4};
    case DType::kI64:
    case DType::kF64:
      return {1, 8};
    // Halves of scale and least value, fifth bits, then the other bits: see block_formats.
    case DType::kQ4_0:
      return {kBlock, 2 + 16};
    case DType::kQ4_1:
      return {kBlock, 2 + 2 + 16};
    case DType::kQ5_0:
      return {kBlock, 2 + 4 + 16};
    case DType::kQ5_1:
      return {kBlock, 2 + 2 + 4 + 16};
    case DType::kQ8_0:
      return {kBlock, 2 + 32};
    case DType::kQ2_K:
      return {kSuperBlock, 16 + 64 + 2 + 2};
    case DType::kQ3_K:
      return {kSuperBlock, 32 + 64 + 12 + 2};
    case DType::kQ4_K:
      return {kSuperBlock, 2 + 2 + 12 + 128};
    case DType::kQ5_K:
      return {kSuperBlock, 2 + 2 + 12 + 32 + 128};
    case DType::kQ6_K:
      return {kSuperBlock, 128 + 64 + 16 + 2};
  }
  return {1, 0};
}

std::string_view name(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return "F32";
    case DType::kF16:
      return "F16";
    case DType::kBF16:
      return "BF16";
    case DType::kI8:
      return "I8";
    case DType::kU8:
      return "U8";
    case DType::kI16:
      return "I16";
    case DType::kI32:
      return "I32";
    case DType::kI64:
      return "I64";
    case DType::kF64:
      return "F64";
    case DType::kBool:
      return "BOOL";
    case DType::kQ4_0:
      return "Q4_0";
    case DType::kQ4_1:
      return "Q4_1";
    case DType::kQ5_0:
      return "Q5_0";
    case DType::kQ5_1:
      return "Q5_1";
    case DType::kQ8_0:
      return "Q8_0";
    case DType::kQ2_K:
      return "Q2_K";
    case DType::kQ3_K:
      return "Q3_K";
    case DType::kQ4_K:
      return "Q4_K";
    case DType::kQ5_K:
      return "Q5_K";
    case DType::kQ6_K:
      return "Q6_K";
  }
  return "?";
}

float f16_to_f32(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000U) << 16;
  const std::uint32_t exponent = (bits >> 10) & 0x1FU;
  const std::uint32_t fraction = bits & 0x3FFU;
  if (exponent == 0) {
    // Zero or subnormal: fraction * 2^-24, which float32 holds exactly.
    const float magnitude = static_cast<float>(fraction) * 0x1p-24F;
    return std::bit_cast<float>(sign | std::bit_cast<std::uint32_t>(magnitude));
  }
  if (exponent == 0x1F) return std::bit_cast<float>(sign | 0x7F800000U | (fraction << 13));
  return std::bit_cast<float>(sign | ((exponent + 112U) << 23) | (fraction << 13));
}

std::uint16_t f32_to_f16(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto sign = static_cast<std::uint16_t>(bits >> 16 & 0x8000U);
  const std::uint32_t magnitude = bits & 0x7FFFFFFFU;
  constexpr std::uint32_t kInfinity = 0x7F800000U;
  constexpr std::uint32_t kOverflow = 0x477FF000U;        // 65520: half-way from the largest half to the next step
  constexpr std::uint32_t kSmallestNormal = 0x38800000U;  // 2^-14
  if (magnitude > kInfinity) return sign | 0x7E00U;
  if (magnitude >= kOverflow) return sign | 0x7C00U;
  if (magnitude < kSmallestNormal) {
    // In a float of this size the last bit is worth 2^-24, a step of the subnormal halves: the addition rounds.
    const float shifted = std::bit_cast<float>(magnitude) + 0.5F;
    return sign | static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(shifted) - 0x3F000000U);
  }
  // Half a step less one, and one more where the kept part is odd: ties go to even. A carry moves into the exponent.
  const std::uint32_t rounded = magnitude + 0xFFFU + (magnitude >> 13 & 1U);
  return sign | static_cast<std::uint16_t>((rounded >> 13) - (112U << 10));
}

}  // namespace valence
