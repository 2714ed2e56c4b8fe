#include "valence/tensor/block_formats.h"

#include <cstdint>

#include "valence/base/check.h"

namespace valence {
namespace {

constexpr int kBlock = 32;
constexpr int kSuperBlock = 256;
constexpr int kSubBlocksOf16 = 16;

/// The bytes of one block, field after field.
class BlockFields {
 public:
  explicit BlockFields(const std::byte* block) : at_(reinterpret_cast<const std::uint8_t*>(block)) {}

  const std::uint8_t* bytes(int count) {
    const std::uint8_t* const field = at_;
    at_ += count;
    return field;
  }
  float half() {
    const std::uint8_t* const field = bytes(2);
    return f16_to_f32(static_cast<std::uint16_t>(field[0] | field[1] << 8));
  }

 private:
  const std::uint8_t* at_;
};

/// Element `i` of a block of 32 in four bits: the low halves of 16 bytes come first, then the high ones.
int nibble(const std::uint8_t* quants, int i) { return i < kBlock / 2 ? quants[i] & 15 : quants[i - kBlock / 2] >> 4; }

/// The same with the fifth bits in four bytes of their own, element 0 lowest.
int five_bits(const std::uint8_t* high, const std::uint8_t* quants, int i) {
  return nibble(quants, i) | (high[i / 8] >> i % 8 & 1) << 4;
}

void dequantize_q4_0(BlockFields block, float* out) {
  const float scale = block.half();
  const std::uint8_t* const quants = block.bytes(16);
  for (int i = 0; i < kBlock; ++i) out[i] = scale * static_cast<float>(nibble(quants, i) - 8);
}

void dequantize_q4_1(BlockFields block, float* out) {
  const float scale = block.half();
  const float least = block.half();
  const std::uint8_t* const quants = block.bytes(16);
  for (int i = 0; i < kBlock; ++i) out[i] = scale * static_cast<float>(nibble(quants, i)) + least;
}

void dequantize_q5_0(BlockFields block, float* out) {
  const float scale = block.half();
  const std::uint8_t* const high = block.bytes(4);
  const std::uint8_t* const quants = block.bytes(16);
  for (int i = 0; i < kBlock; ++i) out[i] = scale * static_cast<float>(five_bits(high, quants, i) - 16);
}

void dequantize_q5_1(BlockFields block, float* out) {
  const float scale = block.half();
  const float least = block.half();
  const std::uint8_t* const high = block.bytes(4);
  const std::uint8_t* const quants = block.bytes(16);
  for (int i = 0; i < kBlock; ++i) out[i] = scale * static_cast<float>(five_bits(high, quants, i)) + least;
}

void dequantize_q8_0(BlockFields block, float* out) {
  const float scale = block.half();
  const std::uint8_t* const quants = block.bytes(kBlock);
  for (int i = 0; i < kBlock; ++i) out[i] = scale * static_cast<float>(static_cast<std::int8_t>(quants[i]));
}

// The K formats: 256 elements in sub-blocks, whose own scales are integers times a half of the whole block.

/// Element `i` of 256 in two bits: each 32 bytes hold 128 elements, 32 to every two bits, the lowest first.
int two_bits(const std::uint8_t* quants, int i) { return quants[i / 128 * 32 + i % 32] >> i / 32 % 4 * 2 & 3; }

/// Element `i` of 256 in four bits: each 32 bytes hold 64 elements, the low halves first.
int four_bits(const std::uint8_t* quants, int i) { return quants[i / 64 * 32 + i % 32] >> i / 32 % 2 * 4 & 15; }

/// One bit more for each of 256: bit i / 32 of byte i % 32.
int one_bit(const std::uint8_t* bits, int i) { return bits[i % 32] >> i / 32 & 1; }

void dequantize_q2_k(BlockFields block, float* out) {
  const std::uint8_t* const scales = block.bytes(kSubBlocksOf16);  // a scale in the low half, a least value in the high
  const std::uint8_t* const quants = block.bytes(64);
  const float scale = block.half();
  const float least = block.half();
  for (int i = 0; i < kSuperBlock; ++i) {
    const std::uint8_t both = scales[i / 16];
    const float sub_scale = scale * static_cast<float>(both & 15);
    const float sub_least = least * static_cast<float>(both >> 4);
    out[i] = sub_scale * static_cast<float>(two_bits(quants, i)) - sub_least;
  }
}

/// Sixteen scales of six bits in 12 bytes: the low four bits of scale s are a half of byte s % 8, the high two are two
/// bits of byte 8 + s % 4.
int q3_k_scale(const std::uint8_t* packed, int s) {
  const int low = packed[s % 8] >> s / 8 * 4 & 15;
  const int high = packed[8 + s % 4] >> s / 4 * 2 & 3;
  return (low | high << 4) - 32;
}

void dequantize_q3_k(BlockFields block, float* out) {
  const std::uint8_t* const third_bits = block.bytes(32);
  const std::uint8_t* const quants = block.bytes(64);
  const std::uint8_t* const scales = block.bytes(12);
  const float scale = block.half();
  for (int i = 0; i < kSuperBlock; ++i) {
    const float sub_scale = scale * static_cast<float>(q3_k_scale(scales, i / 16));
    // A third bit that is set leaves the value, one that is not takes four away.
    const int value = two_bits(quants, i) - (one_bit(third_bits, i) == 0 ? 4 : 0);
    out[i] = sub_scale * static_cast<float>(value);
  }
}

struct ScaleAndLeast {
  int scale;
  int least;
};

/// Eight scales and least values of six bits each in 12 bytes: those of the first four sub-blocks in the low six bits
/// of bytes 0-3 and 4-7; those of the last four in the halves of bytes 8-11 and the upper two bits of the others.
ScaleAndLeast q4_k_scale(const std::uint8_t* packed, int s) {
  if (s < 4) return {packed[s] & 63, packed[s + 4] & 63};
  return {(packed[s + 4] & 15) | packed[s - 4] >> 6 << 4, packed[s + 4] >> 4 | packed[s] >> 6 << 4};
}

template <class Quant>
void dequantize_with_least(float scale, float least, const std::uint8_t* scales, float* out, Quant quant) {
  for (int s = 0; s < kSuperBlock / kBlock; ++s) {
    const ScaleAndLeast sub = q4_k_scale(scales, s);
    const float sub_scale = scale * static_cast<float>(sub.scale);
    const float sub_least = least * static_cast<float>(sub.least);
    for (int i = s * kBlock; i < (s + 1) * kBlock; ++i) {
      out[i] = sub_scale * static_cast<float>(quant(i)) - sub_least;
    }
  }
}

void dequantize_q4_k(BlockFields block, float* out) {
  const float scale = block.half();
  const float least = block.half();
  const std::uint8_t* const scales = block.bytes(12);
  const std::uint8_t* const quants = block.bytes(128);
  dequantize_with_least(scale, least, scales, out, [=](int i) { return four_bits(quants, i); });
}

void dequantize_q5_k(BlockFields block, float* out) {
  const float scale = block.half();
  const float least = block.half();
  const std::uint8_t* const scales = block.bytes(12);
  const std::uint8_t* const fifth_bits = block.bytes(32);
  const std::uint8_t* const quants = block.bytes(128);
  dequantize_with_least(scale, least, scales, out,
                        [=](int i) { return four_bits(quants, i) | one_bit(fifth_bits, i) << 4; });
}

void dequantize_q6_k(BlockFields block, float* out) {
  const std::uint8_t* const low = block.bytes(128);  // each 64 bytes hold 128 elements, the low halves first
  const std::uint8_t* const high = block.bytes(64);
  const std::uint8_t* const scales = block.bytes(kSubBlocksOf16);
  const float scale = block.half();
  for (int i = 0; i < kSuperBlock; ++i) {
    const int four = low[i / 128 * 64 + i % 64] >> i / 64 % 2 * 4 & 15;
    const int value = (four | two_bits(high, i) << 4) - 32;
    const float sub_scale = scale * static_cast<float>(static_cast<std::int8_t>(scales[i / 16]));
    out[i] = sub_scale * static_cast<float>(value);
  }
}

using Dequantize = void (*)(BlockFields block, float* out);

Dequantize dequantizer_of(DType dtype) {
  switch (dtype) {
    case DType::kQ4_0:
      return dequantize_q4_0;
    case DType::kQ4_1:
      return dequantize_q4_1;
    case DType::kQ5_0:
      return dequantize_q5_0;
    case DType::kQ5_1:
      return dequantize_q5_1;
    case DType::kQ8_0:
      return dequantize_q8_0;
    case DType::kQ2_K:
      return dequantize_q2_k;
    case DType::kQ3_K:
      return dequantize_q3_k;
    case DType::kQ4_K:
      return dequantize_q4_k;
    case DType::kQ5_K:
      return dequantize_q5_k;
    case DType::kQ6_K:
      return dequantize_q6_k;
    case DType::kF32:
    case DType::kF16:
    case DType::kBF16:
    case DType::kI8:
    case DType::kU8:
    case DType::kI16:
    case DType::kI32:
    case DType::kI64:
    case DType::kF64:
    case DType::kBool:
      return nullptr;
  }
  return nullptr;
}

}  // namespace

void dequantize(DType dtype, std::span<const std::byte> blocks, std::span<float> out) {
  const Dequantize dequantize_block = dequantizer_of(dtype);
  VALENCE_ASSERT(dequantize_block != nullptr, "callers check that the type has blocks");
  const BlockLayout layout = block_layout(dtype);
  VALENCE_ASSERT(out.size() % layout.elements == 0 && blocks.size() == size_bytes(dtype, out.size()),
                 "rows are whole blocks, which the reader checked");
  for (std::size_t i = 0; i < out.size() / layout.elements; ++i) {
    dequantize_block(BlockFields(blocks.data() + i * layout.bytes), out.data() + i * layout.elements);
  }
}

}  // namespace valence
