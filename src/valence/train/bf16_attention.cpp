#include "valence/train/bf16_attention.h"

#include <algorithm>

namespace valence::train {
namespace {

using kernels::DepthOrder;
using kernels::kBf16PanelColumns;
using kernels::kBf16PanelStepBytes;
using kernels::kBf16StepDepth;
using kernels::kBf16StripRows;
using kernels::kBf16StripStepBytes;

std::int64_t blocks_of(std::int64_t size, std::int64_t block) { return (size + block - 1) / block; }

/// Bytes of the parts of the scratch.
struct Parts {
  std::int64_t panels;  ///< keys or values, either way: a panel is as wide as a step is deep
  std::int64_t left;
  std::int64_t block;

  Parts(std::int64_t keys, std::int64_t head_dim, std::int64_t query_block) {
    const std::int64_t key_steps = blocks_of(keys, kBf16StepDepth);
    const std::int64_t dim_steps = blocks_of(head_dim, kBf16StepDepth);
    const std::int64_t query_steps = blocks_of(query_block, kBf16StepDepth);
    panels = key_steps * dim_steps * kBf16PanelStepBytes;
    // Queries by keys or by the head's width; keys by queries. Two strips a step.
    left = 2 * kBf16StripStepBytes * query_steps * std::max(key_steps, dim_steps);
    block = query_steps * dim_steps * kBf16PanelStepBytes;
  }
};

}  // namespace

std::size_t Bf16Attention::scratch_bytes(std::int64_t keys, std::int64_t head_dim, std::int64_t query_block) {
  const Parts parts(keys, head_dim, query_block);
  return static_cast<std::size_t>(4 * parts.panels + parts.left + parts.block);
}

Bf16Attention::Bf16Attention(const kernels::Bf16Products& kernels, std::int64_t keys, std::int64_t head_dim,
                             std::int64_t query_block, std::byte* scratch)
    : kernels_(kernels),
      keys_(keys),
      head_dim_(head_dim),
      key_steps_(blocks_of(keys, kBf16StepDepth)),
      dim_steps_(blocks_of(head_dim, kBf16StepDepth)) {
  const Parts parts(keys, head_dim, query_block);
  for (std::byte** part : {&keys_across_, &values_across_, &keys_along_, &values_along_}) {
    *part = scratch;
    scratch += parts.panels;
  }
  left_ = scratch;
  block_ = scratch + parts.left;
}

void Bf16Attention::pack_left(const float* from, std::int64_t stride, DepthOrder order, std::int64_t lines,
                              std::int64_t depth) {
  std::byte* to = left_;
  for (std::int64_t line = 0; line < lines; line += kBf16StripRows) {
    kernels_.pack_strip({.from = from + (order == DepthOrder::kAlongLines ? line * stride : line),
                         .stride = stride,
                         .order = order,
                         .lines = std::min(kBf16StripRows, lines - line),
                         .depth = depth,
                         .to = to});
    to += blocks_of(depth, kBf16StepDepth) * kBf16StripStepBytes;
  }
}

void Bf16Attention::pack_right(const float* from, std::int64_t stride, DepthOrder order, std::int64_t lines,
                               std::int64_t depth, std::byte* to) const {
  for (std::int64_t line = 0; line < lines; line += kBf16PanelColumns) {
    kernels_.pack_panel({.from = from + (order == DepthOrder::kAlongLines ? line * stride : line),
                         .stride = stride,
                         .order = order,
                         .lines = std::min(kBf16PanelColumns, lines - line),
                         .depth = depth,
                         .to = to});
    to += blocks_of(depth, kBf16StepDepth) * kBf16PanelStepBytes;
  }
}

void Bf16Attention::take(RowsView<const float> k, RowsView<const float> v, bool backward) {
  pack_right(k.data, k.stride, DepthOrder::kAlongLines, keys_, head_dim_, keys_across_);
  if (!backward) return pack_right(v.data, v.stride, DepthOrder::kAcrossLines, head_dim_, keys_, values_along_);
  pack_right(v.data, v.stride, DepthOrder::kAlongLines, keys_, head_dim_, values_across_);
  pack_right(k.data, k.stride, DepthOrder::kAcrossLines, head_dim_, keys_, keys_along_);
}

void Bf16Attention::by(const std::byte* panels, RowsView<const float> x, KeyRange range, RowsView<float> out) {
  pack_left(x.data, x.stride, DepthOrder::kAlongLines, x.rows, head_dim_);
  kernels_.product({.left = left_,
                    .right = panels + range.begin / kBf16PanelColumns * dim_steps_ * kBf16PanelStepBytes,
                    .steps = dim_steps_,
                    .columns = range.count,
                    .out = {out.data, x.rows, out.stride}});
}

void Bf16Attention::of(const std::byte* panels, RowsView<const float> weights, KeyRange range, RowsView<float> out) {
  pack_left(weights.data, weights.stride, DepthOrder::kAlongLines, weights.rows, range.count);
  for (std::int64_t panel = 0; panel < dim_steps_; ++panel) {
    const std::int64_t column = panel * kBf16PanelColumns;
    kernels_.product({.left = left_,
                      .right = panels + (panel * key_steps_ + range.begin / kBf16StepDepth) * kBf16PanelStepBytes,
                      .steps = blocks_of(range.count, kBf16StepDepth),
                      .columns = std::min(kBf16PanelColumns, head_dim_ - column),
                      .out = {out.data + column, weights.rows, out.stride}});
  }
}

void Bf16Attention::by_keys(RowsView<const float> x, KeyRange range, RowsView<float> out) {
  by(keys_across_, x, range, out);
}
void Bf16Attention::by_values(RowsView<const float> x, KeyRange range, RowsView<float> out) {
  by(values_across_, x, range, out);
}
void Bf16Attention::of_keys(RowsView<const float> weights, KeyRange range, RowsView<float> out) {
  of(keys_along_, weights, range, out);
}
void Bf16Attention::of_values(RowsView<const float> weights, KeyRange range, RowsView<float> out) {
  of(values_along_, weights, range, out);
}

void Bf16Attention::add_transposed(RowsView<const float> weights, KeyRange range, RowsView<const float> x,
                                   RowsView<float> out) {
  const std::int64_t queries = weights.rows;
  pack_left(weights.data, weights.stride, DepthOrder::kAcrossLines, range.count, queries);
  pack_right(x.data, x.stride, DepthOrder::kAcrossLines, head_dim_, queries, block_);
  kernels_.product({.left = left_,
                    .right = block_,
                    .steps = blocks_of(queries, kBf16StepDepth),
                    .columns = head_dim_,
                    .out = {out.data + range.begin * out.stride, range.count, out.stride},
                    .accumulate = true});
}

}  // namespace valence::train
