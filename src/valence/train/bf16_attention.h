/// \file
/// The products of one head's attention, forward and backward, with operands rounded to bf16.
#pragma once

#include <cstddef>
#include <cstdint>

#include "valence/kernels/bf16_products.h"

namespace valence::train {

using kernels::RowsView;

/// One key-value head of one sequence: its keys and values are packed once, whatever meets them a block of queries at a
/// time. Ranges of keys begin at a multiple of kKeyStep. Scratch is the caller's; sums are f32.
class Bf16Attention {
 public:
  static constexpr std::int64_t kKeyStep = kernels::kBf16StepDepth;

  /// What the constructor's scratch must hold, 64-byte aligned.
  [[nodiscard]] static std::size_t scratch_bytes(std::int64_t keys, std::int64_t head_dim, std::int64_t query_block);

  Bf16Attention(const kernels::Bf16Products& kernels, std::int64_t keys, std::int64_t head_dim,
                std::int64_t query_block, std::byte* scratch);

  /// [keys, head_dim] each. The backward pass reads them the other way as well.
  void take(RowsView<const float> k, RowsView<const float> v, bool backward);

  struct KeyRange {
    std::int64_t begin = 0;
    std::int64_t count = 0;
  };
  /// x: [queries, head_dim]; out: [queries, count], out = x k^T or x v^T of those keys. Past the last key: 0.
  void by_keys(RowsView<const float> x, KeyRange range, RowsView<float> out);
  void by_values(RowsView<const float> x, KeyRange range, RowsView<float> out);
  /// weights: [queries, count]; out: [queries, head_dim], out = weights k or weights v.
  void of_keys(RowsView<const float> weights, KeyRange range, RowsView<float> out);
  void of_values(RowsView<const float> weights, KeyRange range, RowsView<float> out);
  /// out rows [begin, begin + count) of [keys, head_dim] += weights^T x.
  void add_transposed(RowsView<const float> weights, KeyRange range, RowsView<const float> x, RowsView<float> out);

 private:
  void pack_left(const float* from, std::int64_t stride, kernels::DepthOrder order, std::int64_t lines,
                 std::int64_t depth);
  void pack_right(const float* from, std::int64_t stride, kernels::DepthOrder order, std::int64_t lines,
                  std::int64_t depth, std::byte* to) const;
  void by(const std::byte* panels, RowsView<const float> x, KeyRange range, RowsView<float> out);
  void of(const std::byte* panels, RowsView<const float> weights, KeyRange range, RowsView<float> out);

  const kernels::Bf16Products& kernels_;
  std::int64_t keys_, head_dim_;
  std::int64_t key_steps_, dim_steps_;
  // Keys as columns, or as depth; values alike. What is multiplied with them, and a block of rows that keys sum over.
  std::byte *keys_across_, *values_across_, *keys_along_, *values_along_, *left_, *block_;
};

}  // namespace valence::train
