/// \file
/// The AMX tile instructions.
///
/// They are asm statements because GCC 12's intrinsics do not tell the optimiser that a tile is loaded from memory, so
/// stores are moved past them, and because it has none for fp16. All eight tiles are 16 rows of 64 bytes, always.
#pragma once

#include <cstddef>
#include <cstdint>

namespace valence::kernels {
namespace {

inline constexpr std::int64_t kTileRows = 16;
inline constexpr std::int64_t kTileRowBytes = 64;
inline constexpr std::int64_t kTileBytes = kTileRows * kTileRowBytes;

inline void configure_tiles() noexcept {
  struct alignas(64) {
    std::uint8_t palette = 1;
    std::uint8_t start_row = 0;
    std::uint8_t reserved[14] = {};
    std::uint16_t row_bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
    std::uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
  } configuration;
  asm volatile("ldtilecfg %0" ::"m"(configuration));
}

/// %c0 prints the number of the tile, %c3 an offset, without the $ of an immediate.
template <int kTile>
inline void tile_zero() {
  asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
}
template <int kTile, int kOffset = 0>
inline void tile_load(const void* from, std::int64_t row_stride = kTileRowBytes) {
  asm volatile("tileloadd %c3(%1,%2,1), %%tmm%c0" ::"i"(kTile), "r"(from), "r"(row_stride), "i"(kOffset) : "memory");
}
/// For what is read once: asks the level-1 cache not to keep it in place of what is read again.
template <int kTile, int kOffset = 0>
inline void tile_load_streaming(const void* from, std::int64_t row_stride = kTileRowBytes) {
  asm volatile("tileloaddt1 %c3(%1,%2,1), %%tmm%c0" ::"i"(kTile), "r"(from), "r"(row_stride), "i"(kOffset) : "memory");
}
template <int kTile, int kOffset = 0>
inline void tile_store(void* to, std::int64_t row_stride = kTileRowBytes) {
  asm volatile("tilestored %%tmm%c0, %c3(%1,%2,1)" ::"i"(kTile), "r"(to), "r"(row_stride), "i"(kOffset) : "memory");
}

/// dot<sums, a, b>: sums += a * b, where a row of b holds, for each of 16 columns, four bytes of depth.
struct Int8Tiles {
  template <int kSums, int kA, int kB>
  static void dot() {
    asm volatile("tdpbssd %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSums), "i"(kA), "i"(kB));
  }
};
struct Bf16Tiles {
  template <int kSums, int kA, int kB>
  static void dot() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSums), "i"(kA), "i"(kB));
  }
};
struct Fp16Tiles {
  template <int kSums, int kA, int kB>
  static void dot() {
    asm volatile("tdpfp16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSums), "i"(kA), "i"(kB));
  }
};

}  // namespace
}  // namespace valence::kernels
