/// \file
/// The one inner loop of every matrix product here: a tile of the result in registers.
#pragma once

#include <cstdint>

#if defined(__clang__)
#define VALENCE_UNROLL _Pragma("clang loop unroll(full)")
#define VALENCE_UNROLL_32 VALENCE_UNROLL
#else
#define VALENCE_UNROLL _Pragma("GCC unroll 16")
#define VALENCE_UNROLL_32 _Pragma("GCC unroll 32")
#endif

namespace valence::kernels {
namespace {

/// How the operands of a tile lie in memory.
enum class TileOperands {
  kRowsByPanel,    ///< a: rows, a_stride apart. b: a panel, [depth][kVectors * kWidth] (b_stride is not looked at)
  kRowsByRows,     ///< a: rows, a_stride apart. b: rows, b_stride apart
  kColumnsByRows,  ///< a: columns, a_stride apart: element (i, k) at a[k * a_stride + i]. b: rows, b_stride apart
};

struct TileCall {
  const float* a = nullptr;
  std::int64_t a_stride = 0;
  const float* b = nullptr;
  std::int64_t b_stride = 0;
  std::int64_t depth = 0;
  float* c = nullptr;  ///< rows, c_stride apart
  std::int64_t c_stride = 0;
  bool accumulate = false;         ///< c += a b, else c = a b
  const char* prefetch = nullptr;  ///< kPrefetchLines cache lines from here are asked for in the first step,
  std::int64_t prefetch_step = 0;  ///< and so many bytes further in each next one
};

/// c (+)= a b for kRows x kVectors vectors; every element is a chain of `depth` multiply-adds in the order of k, so
/// that its bits depend on neither kRows nor kVectors.
template <class V, TileOperands kOperands, int kRows, int kVectors, int kPrefetchLines>
[[gnu::noinline]] void multiply_tile(const TileCall& call) {
  using Vec = typename V::Vec;
  constexpr bool kPanel = kOperands == TileOperands::kRowsByPanel;
  constexpr bool kRowsOfA = kOperands != TileOperands::kColumnsByRows;
  Vec sums[kRows][kVectors];
  VALENCE_UNROLL
  for (int i = 0; i < kRows; ++i) {
    VALENCE_UNROLL
    for (int j = 0; j < kVectors; ++j) sums[i][j] = V::zero();
  }
  const float* a = call.a;
  const float* b = call.b;
  const char* prefetch = call.prefetch;
  const std::int64_t a_stride = call.a_stride;
  const std::int64_t b_stride = kPanel ? kVectors * V::kWidth : call.b_stride;
  const std::int64_t depth = call.depth;
  for (std::int64_t k = 0; k < depth; ++k) {
    Vec right[kVectors];
    VALENCE_UNROLL
    for (int j = 0; j < kVectors; ++j) right[j] = V::load(b + j * V::kWidth);
    b += b_stride;
    VALENCE_UNROLL
    for (int line = 0; line < kPrefetchLines; ++line) __builtin_prefetch(prefetch + line * 64, 0, 2);
    if constexpr (kPrefetchLines > 0) prefetch += call.prefetch_step;
    VALENCE_UNROLL
    for (int i = 0; i < kRows; ++i) {
      const Vec left = V::broadcast(kRowsOfA ? a[i * a_stride + k] : a[i]);
      VALENCE_UNROLL
      for (int j = 0; j < kVectors; ++j) sums[i][j] = V::fma(left, right[j], sums[i][j]);
    }
    if constexpr (!kRowsOfA) a += a_stride;
  }
  float* c = call.c;
  const std::int64_t c_stride = call.c_stride;
  const bool accumulate = call.accumulate;
  VALENCE_UNROLL
  for (int i = 0; i < kRows; ++i) {
    VALENCE_UNROLL
    for (int j = 0; j < kVectors; ++j) {
      float* to = c + i * c_stride + j * V::kWidth;
      V::store(to, accumulate ? V::add(V::load(to), sums[i][j]) : sums[i][j]);
    }
  }
}

/// multiply_tile for a number of rows known only now, 1..kMaxRows.
template <class V, TileOperands kOperands, int kMaxRows, int kVectors, int kPrefetchLines>
void multiply_rows(std::int64_t rows, const TileCall& call) {
  if constexpr (kMaxRows > 1) {
    if (rows < kMaxRows) return multiply_rows<V, kOperands, kMaxRows - 1, kVectors, kPrefetchLines>(rows, call);
  }
  multiply_tile<V, kOperands, kMaxRows, kVectors, kPrefetchLines>(call);
}

/// Row `block` of `blocks` near-equal shares of `rows` begins here (and the last one ends at block == blocks).
inline std::int64_t share_begin(std::int64_t rows, std::int64_t blocks, std::int64_t block) {
  return rows * block / blocks;
}

}  // namespace
}  // namespace valence::kernels
