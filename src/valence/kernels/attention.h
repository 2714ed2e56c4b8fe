/// \file
/// Self-attention over sequences laid end to end.
#pragma once

#include <cstdint>
#include <span>

#include "valence/kernels/kernel_table.h"

namespace valence::kernels {

struct AttentionShape {
  std::int64_t num_heads = 0;
  std::int64_t head_dim = 0;  ///< 1..kMaxHeadDim; multiples of 16 are the fast ones
  float scale = 0.0F;         ///< of q . k; 0: 1 / sqrt(head_dim)
};
inline constexpr std::int64_t kMaxHeadDim = 256;

/// Floats of scratch that self_attention needs for sequences of up to `max_seqlen` tokens.
[[nodiscard]] std::int64_t self_attention_scratch_floats(const KernelTable& kernels, AttentionShape shape,
                                                         std::int64_t max_seqlen);

/// The same with a pattern, whose distance_rows are read. A window bounds it: the sequence is then no factor.
[[nodiscard]] std::int64_t self_attention_scratch_floats(const KernelTable& kernels, AttentionShape shape,
                                                         const AttentionPattern& pattern, std::int64_t max_seqlen);

/// Where the projections lie. Row t, head h of q begins at q + t * q_stride + h * head_dim; k and v alike.
struct QkvView {
  const float* q = nullptr;
  const float* k = nullptr;
  const float* v = nullptr;
  std::int64_t q_stride = 0;
  std::int64_t kv_stride = 0;
};

/// q|k|v within each row of [total_tokens, 3 * hidden_size], as one product with stacked weights leaves them. With
/// num_kv_heads, k and v are num_kv_heads * head_dim wide.
[[nodiscard]] QkvView packed_qkv(const float* qkv, AttentionShape shape, std::int64_t num_kv_heads = 0);

/// Scaled dot-product self-attention: out = softmax(q k^T / sqrt(head_dim)) v, a head at a time.
///
/// out: [total_tokens, num_heads * head_dim], must not overlap the inputs. With kFirstOfEach and kLastOfEach q and out
/// have batch_size rows, one a sequence: all that the last layer of a classifier needs that looks at one token.
/// cu_seqlens: [batch_size + 1], ascending from 0; tokens attend only within [cu_seqlens[i], cu_seqlens[i + 1]).
/// scratch: self_attention_scratch_floats() of the longest sequence, 64-byte aligned, one for each thread.
/// Softmax in f32. A row's bits do not depend on what else is in the batch, nor on `queries` (if all values are finite:
/// keys that a query does not see may count with weight 0).
/// Single-threaded, allocates nothing. Source: Vaswani et al. 2017, eq. 1.
void self_attention(const KernelTable& kernels, AttentionShape shape, QkvView qkv,
                    std::span<const std::int32_t> cu_seqlens, AttentionQueries queries, std::span<float> scratch,
                    RowsView<float> out) noexcept;

/// The same for the queries, keys and distances of a pattern. k and v have pattern.num_kv_heads heads. Its cost follows
/// the keys that are seen.
void self_attention(const KernelTable& kernels, AttentionShape shape, const AttentionPattern& pattern, QkvView qkv,
                    std::span<const std::int32_t> cu_seqlens, AttentionQueries queries, std::span<float> scratch,
                    RowsView<float> out) noexcept;

}  // namespace valence::kernels
