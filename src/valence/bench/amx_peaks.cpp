#include "valence/bench/amx_peaks.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

namespace valence::bench {
namespace {

/// The operand of ldtilecfg. Intel SDM volume 1, 18.2.
struct alignas(64) TileConfig {
  std::uint8_t palette = 1;
  std::uint8_t start_row = 0;
  std::array<std::uint8_t, 14> reserved{};
  std::array<std::uint16_t, 16> row_bytes{};
  std::array<std::uint8_t, 16> rows{};
};
static_assert(sizeof(TileConfig) == 64);

constexpr std::int64_t kTileRowBytes = 64;
constexpr std::size_t kTileBytes = 1024;

// One K step of a 32 x 32 block: two tiles of rows (4, 5) by two of columns (6, 7) into four sums, each loaded tile
// used twice. Four sums in turn cover the 52 cycles of a product's latency at one product in 16.
#define VALENCE_AMX_STEP(product)                                                                             \
  asm volatile(                                                                                               \
      "tileloadd (%0,%3,1), %%tmm4\n"                                                                         \
      "tileloadd (%2,%3,1), %%tmm6\n" product                                                                 \
      " %%tmm6, %%tmm4, %%tmm0\n"                                                                             \
      "tileloadd 1024(%2,%3,1), %%tmm7\n" product                                                             \
      " %%tmm7, %%tmm4, %%tmm1\n"                                                                             \
      "tileloadd (%1,%3,1), %%tmm5\n" product " %%tmm6, %%tmm5, %%tmm2\n" product " %%tmm7, %%tmm5, %%tmm3\n" \
      :                                                                                                       \
      : "r"(upper), "r"(lower), "r"(columns), "r"(kTileRowBytes)                                              \
      : "memory")

void clear_sums() {
  asm volatile("tilezero %%tmm0\n tilezero %%tmm1\n tilezero %%tmm2\n tilezero %%tmm3\n" ::: "memory");
}

/// Runs `step(upper rows, lower rows, columns)` over the K steps, again and again.
template <class Step>
void repeat(std::int64_t iterations, const std::byte* operands, const Step& step) {
  const std::byte* const second_rows = operands + kAmxSteps * kTileBytes;
  const std::byte* const columns = operands + 2 * kAmxSteps * kTileBytes;
  for (std::int64_t i = 0; i < iterations; ++i) {
    for (std::size_t k = 0; k < kAmxSteps; ++k) {
      step(operands + k * kTileBytes, second_rows + k * kTileBytes, columns + k * 2 * kTileBytes);
    }
  }
}

}  // namespace

double amx_ops_per_iteration(AmxType type) {
  const double depth = type == AmxType::kInt8 ? 64 : 32;
  return 2.0 * 4 * 16 * 16 * depth * static_cast<double>(kAmxSteps);
}

AlignedBuffer<std::byte> amx_operands(AmxType type, bool random) {
  AlignedBuffer<std::byte> operands(kAmxOperandBytes);
  std::ranges::fill(operands.span(), std::byte{0});
  if (!random) return operands;
  std::mt19937 bits(1);
  if (type == AmxType::kInt8) {
    // Spread as quantised activations are: a bell that reaches 127.
    std::normal_distribution<float> bell(0, 36);
    for (std::byte& value : operands.span()) {
      const float clipped = std::max(-127.0F, std::min(127.0F, bell(bits)));
      value = static_cast<std::byte>(static_cast<std::int8_t>(clipped));
    }
    return operands;
  }
  // Either sign, random mantissa, magnitudes from 1/4 to 2: sums stay finite for as long as anyone measures.
  const bool is_bf16 = type == AmxType::kBf16;
  const std::uint32_t mantissa_bits = is_bf16 ? 7 : 10;
  const std::uint32_t quarter_exponent = is_bf16 ? 125 : 13;
  for (std::size_t at = 0; at < operands.size(); at += 2) {
    const auto word = static_cast<std::uint32_t>(bits());
    const std::uint32_t exponent = quarter_exponent + (word >> 16U) % 3;
    const std::uint32_t mantissa = word & ((1U << mantissa_bits) - 1);
    const auto value = static_cast<std::uint16_t>((word >> 31U) << 15U | exponent << mantissa_bits | mantissa);
    std::memcpy(operands.data() + at, &value, sizeof value);
  }
  return operands;
}

__attribute__((noinline)) void amx_products(AmxType type, std::int64_t iterations, const std::byte* operands) {
  TileConfig config;
  for (std::size_t tile = 0; tile < 8; ++tile) {
    config.row_bytes[tile] = kTileRowBytes;
    config.rows[tile] = 16;
  }
  asm volatile("ldtilecfg %0" ::"m"(config));
  clear_sums();
  using Bytes = const std::byte*;
  switch (type) {
    case AmxType::kInt8:
      repeat(iterations, operands, [](Bytes upper, Bytes lower, Bytes columns) { VALENCE_AMX_STEP("tdpbssd"); });
      break;
    case AmxType::kBf16:
      repeat(iterations, operands, [](Bytes upper, Bytes lower, Bytes columns) { VALENCE_AMX_STEP("tdpbf16ps"); });
      break;
    case AmxType::kFp16:
      repeat(iterations, operands, [](Bytes upper, Bytes lower, Bytes columns) { VALENCE_AMX_STEP("tdpfp16ps"); });
      break;
  }
  asm volatile("tilerelease" ::: "memory");
}

}  // namespace valence::bench
