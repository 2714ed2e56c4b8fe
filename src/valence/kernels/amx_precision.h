/// \file
/// What the AMX tables differ in: the values of operands and the elements of staged rows.
///
/// Operands are tiles, [rows / 16][depth / kDepthInRow][16][64 bytes], zeros where the depth ends; a panel of weights
/// is 32 columns wide, [depth / kDepthInRow][2][16][64 bytes], each row a group of four bytes of depth for 16 columns.
/// So both are read from end to end, 1 KiB at a time, and no two rows of a tile fight for a place in the cache.
#pragma once

#include "valence/kernels/amx_elements.h"
#include "valence/kernels/encoder_kernels.h"

namespace valence::kernels {
namespace {

inline constexpr std::int64_t kPanelColumns = 32;
inline constexpr std::int64_t kPanelStepBytes = 2 * kTileBytes;  ///< of a panel, for a row of a tile's depth
inline constexpr std::int64_t kBlockRows = 32;

struct AmxInt8 {
  using Tiles = Int8Tiles;
  using Value = std::int8_t;
  static constexpr bool kQuantized = true;
  /// Rows on their way to attention, which multiplies bf16; what is quantised next keeps 11 bits instead of 8, and its
  /// arithmetic is twice as fast.
  using RowElement = Bf16;
  using OwnElement = Fp16;
  static std::int8_t weight(float w) { return static_cast<std::int8_t>(w); }
};

template <class E>
struct Amx16 {
  using Tiles = typename E::Tiles;
  using Value = std::uint16_t;
  static constexpr bool kQuantized = false;
  using RowElement = E;
  using OwnElement = E;
  static std::uint16_t weight(float w) {
    const __m512i bits = E::narrow({_mm512_set1_ps(w), _mm512_setzero_ps()});
    return static_cast<std::uint16_t>(_mm_cvtsi128_si32(_mm512_castsi512_si128(bits)));
  }
};
using AmxBf16 = Amx16<Bf16>;
using AmxFp16 = Amx16<Fp16>;

template <class P>
inline constexpr std::int64_t kDepthInRow = kTileRowBytes / static_cast<std::int64_t>(sizeof(typename P::Value));

/// Tiles along the depth of an operand or panel.
template <class P>
std::int64_t depth_steps(std::int64_t in_features) {
  return (in_features + kDepthInRow<P> - 1) / kDepthInRow<P>;
}

/// The first 64 bytes of row `row` of an operand of `steps` tiles a row; those of the next tile are kTileBytes on.
inline std::byte* operand_row(std::byte* values, std::int64_t steps, std::int64_t row) {
  return values + (row / kTileRows * steps * kTileRows + row % kTileRows) * kTileRowBytes;
}

template <class P>
std::int64_t amx_operand_bytes(std::int64_t rows, std::int64_t width) noexcept {
  return round_up(rows, kBlockRows) * depth_steps<P>(width) * kTileRowBytes;
}

template <class P>
std::int64_t amx_panel_bytes(std::int64_t in_features) noexcept {
  return depth_steps<P>(in_features) * kPanelStepBytes;
}

template <class P>
void amx_pack_panel(const float* rows, std::int64_t columns, std::int64_t in_features, std::byte* panel) noexcept {
  constexpr std::int64_t kGroup = 4 / static_cast<std::int64_t>(sizeof(typename P::Value));
  auto* to = reinterpret_cast<typename P::Value*>(panel);
  const std::int64_t depth = depth_steps<P>(in_features) * kDepthInRow<P>;
  for (std::int64_t step = 0; step < depth; step += kDepthInRow<P>) {
    for (std::int64_t first = 0; first < kPanelColumns; first += kTileRows) {
      for (std::int64_t k = step; k < step + kDepthInRow<P>; k += kGroup) {
        for (std::int64_t c = first; c < first + kTileRows; ++c) {
          for (std::int64_t i = 0; i < kGroup; ++i) {
            const bool inside = c < columns && k + i < in_features;
            *to++ = inside ? P::weight(rows[c * in_features + k + i]) : typename P::Value{};
          }
        }
      }
    }
  }
}

/// A staged matrix, whichever its layout: 32 elements of its row r from column 32 c on are at
/// data + r / 16 * strip + r % 16 * row + c * column. In its own layout it is made of tiles, as an operand is.
struct StagedLines {
  std::byte* data;
  std::int64_t first;  ///< row 0 of the call
  std::int64_t strip;
  std::int64_t row;
  std::int64_t column;

  explicit StagedLines(const Staging& staging)
      : data(staging.data),
        first(staging.first_row),
        strip(staging.stride * 2 * kTileRows),
        row(staging.layout == StagingLayout::kOwn ? kTileRowBytes : staging.stride * 2),
        column(staging.layout == StagingLayout::kOwn ? kTileBytes : kTileRowBytes) {}
  /// Row r of the call.
  [[nodiscard]] std::byte* at(std::int64_t r) const {
    const auto place = static_cast<std::uint64_t>(first + r);
    return data + static_cast<std::int64_t>(place / kTileRows) * strip +
           static_cast<std::int64_t>(place % kTileRows) * row;
  }
};

}  // namespace
}  // namespace valence::kernels
