/// \file
/// Products of training in bf16: operands rounded from f32 on the way, sums in f32.
///
/// Both operands are tiles of 1 KiB along the depth, zeros where a side or the depth ends:
///   left   strips of 16 rows: [depth / 32][16 rows][32]
///   right  panels of 32 columns: [depth / 32][2][16 pairs of depth][16 columns][2]
/// the same for every instruction set, so that one caller drives them all. It is what AMX's tiles want.
///
/// Plain data, for the reason kernel_table.h gives. All functions are single-threaded and allocate nothing. An element
/// is summed in an order that hangs on the depth alone, so that its bits do not depend on how rows and columns are
/// divided over calls; they differ from one instruction set to the next.
#pragma once

#include <cstddef>
#include <cstdint>

#include "valence/kernels/encoder_kernels.h"
#include "valence/kernels/kernel_table.h"

namespace valence::kernels {

inline constexpr std::int64_t kBf16StripRows = 16;
inline constexpr std::int64_t kBf16PanelColumns = 32;
inline constexpr std::int64_t kBf16StepDepth = 32;  ///< what a tile holds of the depth
inline constexpr std::int64_t kBf16StripStepBytes = kBf16StripRows * kBf16StepDepth * 2;
inline constexpr std::int64_t kBf16PanelStepBytes = kBf16PanelColumns * kBf16StepDepth * 2;

/// How an operand lies in f32: line i (a row of the left one, a column of the right one) at depth k.
enum class DepthOrder : std::uint8_t {
  kAlongLines,   ///< from[i * stride + k]: x and W of x W^T
  kAcrossLines,  ///< from[k * stride + i]: W of dy W, and both of dy^T x
};

/// One strip (lines <= 16) or panel (lines <= 32). Rounds to the nearest, ties to even; whether a subnormal number
/// becomes zero is the instruction set's affair.
struct Bf16PackCall {
  const float* from = nullptr;
  std::int64_t stride = 0;
  DepthOrder order = DepthOrder::kAlongLines;
  std::int64_t lines = 0;
  std::int64_t depth = 0;
  std::byte* to = nullptr;  ///< 64-byte aligned; its steps are written whole
};

/// out = left right + bias, or += it.
struct Bf16ProductCall {
  const std::byte* left = nullptr;   ///< strips, `steps` tiles each; readable up to an even number of them
  const std::byte* right = nullptr;  ///< panels, `steps` times two tiles each
  std::int64_t steps = 0;            ///< depth in tiles
  std::int64_t columns = 0;
  RowsView<float> out;
  const float* bias = nullptr;  ///< [columns]; null: none
  bool accumulate = false;
  ReadAhead ahead = {};  ///< what the caller packs next; a kernel may pass over it
};

/// See the file comment.
struct Bf16Products {
  const char* path;  ///< how people call it: "AMX bf16"
  void (*pack_strip)(const Bf16PackCall&) noexcept;
  void (*pack_panel)(const Bf16PackCall&) noexcept;
  void (*product)(const Bf16ProductCall&) noexcept;
};

}  // namespace valence::kernels
