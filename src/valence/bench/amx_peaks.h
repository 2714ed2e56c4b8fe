/// \file
/// Tile products at full speed. Internal to this layer; call only with the flag and after amx_permission() granted.
#pragma once

#include <cstddef>
#include <cstdint>

#include "valence/tensor/aligned_buffer.h"

namespace valence::bench {

enum class AmxType { kInt8, kBf16, kFp16 };

/// K steps over which the operands lie: 24 tiles of 1 KiB, which the first-level cache holds.
inline constexpr std::size_t kAmxSteps = 6;
inline constexpr std::size_t kAmxOperandBytes = kAmxSteps * 4 * 1024;

/// Multiply-adds of one iteration: 2 x 2 tiles of 16 x 16 sums, 64 bytes deep, kAmxSteps times.
[[nodiscard]] double amx_ops_per_iteration(AmxType type);

/// kAmxOperandBytes of operands: random ones of either sign and moderate size, or zeros. Aligned, for a tile whose rows
/// cross cache lines is loaded at half the rate.
[[nodiscard]] AlignedBuffer<std::byte> amx_operands(AmxType type, bool random);

/// Configures the calling thread's tiles, multiplies, and releases them. `operands` as amx_operands makes them.
void amx_products(AmxType type, std::int64_t iterations, const std::byte* operands);

}  // namespace valence::bench
