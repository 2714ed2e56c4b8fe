/// \file
/// What one instruction set offers to training: a function for each operation, over plain structs.
///
/// Plain data, for the reason kernel_table.h gives. All functions are single-threaded, allocate nothing and need no
/// alignment unless they say so. None of them sums over more than a row (or a column) in an order that depends on how
/// the work was divided, so that a step's bits do not depend on the number of threads.
#pragma once

#include <cstdint>

#include "valence/kernels/kernel_table.h"

namespace valence::kernels {

/// to[c * to_stride + r] = from[r * from_stride + c]. Rows of `to` are written up to the next whole vector: the columns
/// past `rows` hold anything.
struct TransposeCall {
  const float* from = nullptr;
  std::int64_t from_stride = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;
  float* to = nullptr;
  std::int64_t to_stride = 0;  ///< at least `rows` rounded up to kMaxVectorWidth
};

/// c (+)= a b, c: [rows, columns].
struct MultiplyCall {
  /// kRows: a[i * a_stride + k]. kColumns: a[k * a_stride + i].
  enum class Left : std::uint8_t { kRows, kColumns };
  Left left = Left::kRows;
  const float* a = nullptr;
  std::int64_t a_stride = 0;
  const float* b = nullptr;  ///< b[k * b_stride + j]
  std::int64_t b_stride = 0;
  float* c = nullptr;
  std::int64_t c_stride = 0;
  std::int64_t rows = 0;
  std::int64_t columns = 0;  ///< a multiple of kMaxVectorWidth: b and c have the room
  std::int64_t depth = 0;
  bool accumulate = false;
};

/// Columns that rows are padded to where a call says so, whatever the instruction set.
inline constexpr std::int64_t kMaxVectorWidth = 16;

/// Row i of x becomes its softmax over the columns [begin[i], end[i]), and 0 elsewhere, up to `columns` (a multiple of
/// kMaxVectorWidth). A row with begin == end becomes 0.
struct SoftmaxCall {
  RowsView<float> x;
  std::int64_t columns = 0;
  const std::int32_t* begin = nullptr;
  const std::int32_t* end = nullptr;
};

/// From p = softmax(s) and dp, the gradient of p: dp = scale * p * (dp - sum over the row of p dp).
struct SoftmaxBackwardCall {
  RowsView<const float> p;
  RowsView<float> dp;
  std::int64_t columns = 0;  ///< a multiple of kMaxVectorWidth; p is 0 where nothing was
  float scale = 1.0F;
};

/// dx = dy * activation'(x), element by element. dx may be dy.
struct ActivationBackwardCall {
  const float* x = nullptr;
  const float* dy = nullptr;
  float* dx = nullptr;
  float* activated = nullptr;  ///< activation(x) as well, which costs little beside; null: not wanted
  std::int64_t size = 0;
  Activation activation = Activation::kNone;
};

/// Of GateCall: dx[r][c] = dy[r][c] * x[r][width + c] * activation'(x[r][c]), dx[r][width + c] = dy[r][c] *
/// activation(x[r][c]). dx may be x.
struct GateBackwardCall {
  RowsView<const float> x;
  RowsView<const float> dy;
  RowsView<float> dx;
  std::int64_t width = 0;
  Activation activation = Activation::kNone;
};

/// Of y = norm(x): dx, and the gradients of the norm's weight and bias, to which the rows' sums are added.
struct NormBackwardCall {
  RowsView<const float> x;
  RowsView<const float> dy;
  RowsView<float> dx;  ///< may be dy
  std::int64_t width = 0;
  LayerNormWeights norm;
  float* d_weight = nullptr;  ///< [width]; null: neither of the two is wanted
  float* d_bias = nullptr;    ///< [width]
};

/// sums[c] += sum over the rows of x[r][c], for c in [first, first + columns).
struct ColumnSumsCall {
  RowsView<const float> x;
  std::int64_t first = 0;
  std::int64_t columns = 0;
  float* sums = nullptr;
};

/// out[i] = x[i] * scale where a random number says keep, else 0. The number of element i is a hash of (key, first + i)
/// alone, so that the backward pass draws the same again, and any thread may do any part. out may be x.
struct DropoutCall {
  const float* x = nullptr;
  float* out = nullptr;
  std::int64_t size = 0;
  std::uint64_t key = 0;
  std::uint32_t first = 0;
  std::uint32_t threshold = 0;  ///< keeps where the hash, uniform in [0, 2^32), is at least this
  float scale = 1.0F;
};

/// One step of AdamW (Loshchilov and Hutter 2019) as torch.optim.AdamW computes it.
struct AdamWCall {
  float* value = nullptr;
  float* gradient = nullptr;  ///< becomes zero, for the next step; null: is zero
  float* first_moment = nullptr;
  float* second_moment = nullptr;
  std::int64_t size = 0;
  float gradient_scale = 1.0F;  ///< what clipping multiplies gradients with
  float decay = 1.0F;           ///< 1 - learning_rate * weight_decay
  float beta1 = 0.9F;
  float beta2 = 0.999F;
  float step_size = 0.0F;            ///< learning_rate / (1 - beta1^t)
  float second_moment_scale = 1.0F;  ///< 1 / sqrt(1 - beta2^t)
  float epsilon = 1e-8F;
};

/// Every operation as this ISA does it best.
struct TrainingKernels {
  void (*transpose)(const TransposeCall&) noexcept;
  void (*multiply)(const MultiplyCall&) noexcept;
  void (*softmax)(const SoftmaxCall&) noexcept;
  void (*softmax_backward)(const SoftmaxBackwardCall&) noexcept;
  void (*activation_backward)(const ActivationBackwardCall&) noexcept;
  void (*gate_backward)(const GateBackwardCall&) noexcept;
  void (*norm_backward)(const NormBackwardCall&) noexcept;
  void (*column_sums)(const ColumnSumsCall&) noexcept;
  void (*dropout)(const DropoutCall&) noexcept;
  void (*adamw)(const AdamWCall&) noexcept;
  /// Sum of squares in double, in an order fixed by `size`.
  double (*sum_of_squares)(const float* x, std::int64_t size) noexcept;
};

}  // namespace valence::kernels
