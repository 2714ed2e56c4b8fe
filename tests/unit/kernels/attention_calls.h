/// \file
/// Self-attention of the table under test and of the reference, over random projections.
#pragma once

#include <algorithm>
#include <limits>
#include <vector>

#include "unit/kernels/on_each_isa.h"
#include "valence/kernels/attention.h"
#include "valence/kernels/reference.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence::kernels {

// An average of values |v| <= 1 with weights exact to 1e-6; the scores of these tests are below 30.
inline constexpr double kAttentionTolerance = 5e-6;

inline std::vector<std::int32_t> offsets(const std::vector<int>& lengths) {
  std::vector<std::int32_t> cu_seqlens = {0};
  for (const int length : lengths) cu_seqlens.push_back(cu_seqlens.back() + length);
  return cu_seqlens;
}

inline std::int64_t query_rows(const std::vector<std::int32_t>& cu_seqlens, AttentionQueries queries) {
  return queries == AttentionQueries::kAll ? cu_seqlens.back() : std::ssize(cu_seqlens) - 1;
}

inline std::vector<float> attend(const KernelTable& table, AttentionShape shape, const AttentionPattern& pattern,
                                 QkvView qkv, const std::vector<std::int32_t>& cu_seqlens,
                                 AttentionQueries queries = AttentionQueries::kAll) {
  const std::int64_t hidden_size = shape.num_heads * shape.head_dim;
  std::int64_t longest = 0;
  for (std::size_t i = 1; i < cu_seqlens.size(); ++i) {
    longest = std::max<std::int64_t>(longest, cu_seqlens[i] - cu_seqlens[i - 1]);
  }
  const auto size = static_cast<std::size_t>(self_attention_scratch_floats(table, shape, pattern, longest));
  AlignedBuffer<float> scratch(size);
  std::fill_n(scratch.data(), size, std::numeric_limits<float>::quiet_NaN());  // nothing stale may be read
  std::vector<float> out(static_cast<std::size_t>(query_rows(cu_seqlens, queries) * hidden_size));
  self_attention(table, shape, pattern, qkv, cu_seqlens, queries, scratch.span(), rows_of(out, hidden_size));
  return out;
}

inline std::vector<double> expected_attention(AttentionShape shape, const AttentionPattern& pattern, QkvView qkv,
                                              const std::vector<std::int32_t>& cu_seqlens,
                                              AttentionQueries queries = AttentionQueries::kAll) {
  const std::int64_t hidden_size = shape.num_heads * shape.head_dim;
  std::vector<double> out(static_cast<std::size_t>(query_rows(cu_seqlens, queries) * hidden_size));
  reference::self_attention(shape, pattern, qkv, cu_seqlens, queries, rows_of(out, hidden_size));
  return out;
}

}  // namespace valence::kernels
