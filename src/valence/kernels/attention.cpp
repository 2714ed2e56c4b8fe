#include "valence/kernels/attention.h"

#include <algorithm>
#include <cmath>

#include "valence/base/check.h"

namespace valence::kernels {

std::int64_t self_attention_scratch_floats(const KernelTable& kernels, AttentionShape shape, std::int64_t max_seqlen) {
  return self_attention_scratch_floats(kernels, shape, {}, max_seqlen);
}

std::int64_t self_attention_scratch_floats(const KernelTable& kernels, AttentionShape shape,
                                           const AttentionPattern& pattern, std::int64_t max_seqlen) {
  VALENCE_ASSERT(shape.head_dim > 0 && shape.head_dim <= kMaxHeadDim, "checked with the model's configuration");
  return kernels.f32->attention_scratch_floats(pattern, max_seqlen, shape.head_dim);
}

QkvView packed_qkv(const float* qkv, AttentionShape shape, std::int64_t num_kv_heads) {
  const std::int64_t q_width = shape.num_heads * shape.head_dim;
  const std::int64_t kv_width = (num_kv_heads == 0 ? shape.num_heads : num_kv_heads) * shape.head_dim;
  const std::int64_t stride = q_width + 2 * kv_width;
  return {.q = qkv, .k = qkv + q_width, .v = qkv + q_width + kv_width, .q_stride = stride, .kv_stride = stride};
}

void self_attention(const KernelTable& kernels, AttentionShape shape, QkvView qkv,
                    std::span<const std::int32_t> cu_seqlens, AttentionQueries queries, std::span<float> scratch,
                    RowsView<float> out) noexcept {
  self_attention(kernels, shape, {}, qkv, cu_seqlens, queries, scratch, out);
}

void self_attention(const KernelTable& kernels, AttentionShape shape, const AttentionPattern& pattern, QkvView qkv,
                    std::span<const std::int32_t> cu_seqlens, AttentionQueries queries, std::span<float> scratch,
                    RowsView<float> out) noexcept {
  VALENCE_ASSERT(!cu_seqlens.empty() && cu_seqlens.front() == 0, "offsets begin at 0");
  VALENCE_ASSERT(pattern.num_kv_heads == 0 || shape.num_heads % pattern.num_kv_heads == 0,
                 "checked with the model's configuration");
  const bool disentangled = pattern.position_keys != nullptr || pattern.position_queries != nullptr;
  VALENCE_ASSERT(!disentangled || pattern.distance_rows != nullptr, "positions come with their rows");
  const auto batch_size = static_cast<std::int64_t>(cu_seqlens.size()) - 1;
  std::int64_t max_seqlen = 0;
  for (std::int64_t i = 0; i < batch_size; ++i) {
    VALENCE_ASSERT(cu_seqlens[i] <= cu_seqlens[i + 1], "offsets ascend");
    max_seqlen = std::max<std::int64_t>(max_seqlen, cu_seqlens[i + 1] - cu_seqlens[i]);
  }
  const std::int64_t rows = queries == AttentionQueries::kAll ? cu_seqlens.back() : batch_size;
  VALENCE_ASSERT(out.rows == rows, "a row of out for each query");
  VALENCE_ASSERT(
      static_cast<std::int64_t>(scratch.size()) >= self_attention_scratch_floats(kernels, shape, pattern, max_seqlen),
      "the workspace was sized for the longest sequence");
  kernels.f32->attention(
      {.q = qkv.q,
       .k = qkv.k,
       .v = qkv.v,
       .q_stride = qkv.q_stride,
       .kv_stride = qkv.kv_stride,
       .out = out.data,
       .out_stride = out.stride,
       .cu_seqlens = cu_seqlens.data(),
       .batch_size = batch_size,
       .num_heads = shape.num_heads,
       .head_dim = shape.head_dim,
       .scale = shape.scale != 0.0F ? shape.scale : 1.0F / std::sqrt(static_cast<float>(shape.head_dim)),
       .queries = queries,
       .pattern = pattern,
       .scratch = scratch.data()});
}

}  // namespace valence::kernels
