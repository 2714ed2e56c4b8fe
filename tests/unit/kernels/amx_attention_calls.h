/// \file
/// Staged attention of an AMX table, from projections narrowed to 16 bits.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "unit/kernels/amx_tables.h"
#include "unit/kernels/on_each_isa.h"
#include "valence/kernels/attention.h"

namespace valence::kernels {

inline std::uint32_t bits_of(float v) {
  std::uint32_t bits;
  std::memcpy(&bits, &v, sizeof bits);
  return bits;
}

/// `v` as the rows of a table hold it before attention.
inline std::uint16_t narrowed(const EncoderKernels& kernels, float v) {
  std::uint16_t bits;
  if (&kernels == &kFp16Amx) {
    const auto half = static_cast<_Float16>(v);
    std::memcpy(&bits, &half, sizeof bits);
    return bits;
  }
  if (std::isnan(v)) return 0x7fc0;
  return static_cast<std::uint16_t>((bits_of(v) + 0x7fffU + (bits_of(v) >> 16U & 1U)) >> 16U);
}

inline float widened(const EncoderKernels& kernels, std::uint16_t bits) {
  if (&kernels == &kFp16Amx) {
    _Float16 half;
    std::memcpy(&half, &bits, sizeof bits);
    return static_cast<float>(half);
  }
  const std::uint32_t wide = static_cast<std::uint32_t>(bits) << 16U;
  float v;
  std::memcpy(&v, &wide, sizeof v);
  return v;
}

/// Projections in 16 bits, and the same values in f32.
struct Projected {
  std::vector<std::uint16_t> staged;
  std::vector<float> values;

  Projected(const EncoderKernels& kernels, const std::vector<float>& qkv) {
    for (const float v : qkv) {
      staged.push_back(narrowed(kernels, v));
      values.push_back(widened(kernels, staged.back()));
    }
  }
};

struct AttendOptions {
  AttentionQueries queries = AttentionQueries::kAll;
  StagingLayout layout = StagingLayout::kRows;
  std::int64_t first_head = 0;
  std::int64_t heads = 0;  ///< 0: all
  AttentionPattern pattern = {};
};

/// Of an average of values |v| <= 2: weights are within 0.8 % (bf16) or 0.2 % (fp16), as often too large as too small
/// but for the case of two keys; and the result is rounded.
inline double attention_tolerance(const EncoderKernels& kernels) { return &kernels == &kFp16Amx ? 4e-3 : 1.6e-2; }

/// q, k, v in each row of qkv: [tokens][(heads + 2 * heads of k and v) * head_dim].
inline std::vector<float> attend_on_tiles(const EncoderKernels& kernels, AttentionShape shape, const Projected& qkv,
                                          const std::vector<std::int32_t>& cu_seqlens, const AttendOptions& options) {
  const std::int64_t hidden = shape.num_heads * shape.head_dim;
  const std::int64_t group = options.pattern.num_kv_heads == 0 ? 1 : shape.num_heads / options.pattern.num_kv_heads;
  const std::int64_t kv_width = hidden / group;
  const std::int64_t stride = hidden + 2 * kv_width;
  const auto sequences = static_cast<std::int64_t>(cu_seqlens.size()) - 1;
  std::int64_t longest = 0;
  for (std::size_t i = 1; i < cu_seqlens.size(); ++i) {
    longest = std::max<std::int64_t>(longest, cu_seqlens[i] - cu_seqlens[i - 1]);
  }
  const std::int64_t scratch_bytes = kernels.attention_scratch_bytes(longest, shape.head_dim);
  const std::int64_t position_bytes =
      kernels.attends_with_patterns ? kernels.position_scratch_bytes(options.pattern, longest, shape.head_dim) : 0;
  constexpr std::int64_t kGuardBytes = 4096;  // what lies past a scratch stays
  auto scratch = not_numbers(scratch_bytes + kGuardBytes);
  auto position_scratch = not_numbers(position_bytes + kGuardBytes);
  const bool all = options.queries == AttentionQueries::kAll;
  std::vector<std::uint16_t> chosen_queries;
  for (std::size_t i = 0; !all && i + 1 < cu_seqlens.size(); ++i) {
    const std::int64_t token =
        options.queries == AttentionQueries::kFirstOfEach ? cu_seqlens[i] : cu_seqlens[i + 1] - 1;
    const auto row = qkv.staged.begin() + token * stride;
    chosen_queries.insert(chosen_queries.end(), row, row + hidden);
  }
  const auto staging = [](const std::uint16_t* data, std::int64_t row_stride) {
    return Staging{reinterpret_cast<std::byte*>(const_cast<std::uint16_t*>(data)), row_stride};
  };
  const std::int64_t rows = all ? cu_seqlens.back() : sequences;
  const StagingBuffer out(kernels, rows, hidden, options.layout);
  kernels.attention({.q = all ? staging(qkv.staged.data(), stride) : staging(chosen_queries.data(), hidden),
                     .k = staging(qkv.staged.data() + hidden, stride),
                     .v = staging(qkv.staged.data() + hidden + kv_width, stride),
                     .out = out.staging,
                     .cu_seqlens = cu_seqlens.data(),
                     .first_sequence = 0,
                     .sequences = sequences,
                     .first_token = 0,
                     .first_head = options.first_head,
                     .heads = options.heads == 0 ? shape.num_heads : options.heads,
                     .head_dim = shape.head_dim,
                     .scale = 1.0F / std::sqrt(static_cast<float>(shape.head_dim)),
                     .queries = options.queries,
                     .pattern = options.pattern,
                     .group = group,
                     .scratch = scratch.data(),
                     .position_scratch = position_scratch.data()});
  const auto is_untouched = [](const AlignedBuffer<std::byte>& buffer, std::int64_t from) {
    return std::all_of(buffer.data() + from, buffer.data() + from + kGuardBytes,
                       [](std::byte b) { return b == std::byte{0xff}; });
  };
  EXPECT_TRUE(is_untouched(scratch, scratch_bytes));
  EXPECT_TRUE(is_untouched(position_scratch, position_bytes));
  return out.values(kernels, rows, hidden);
}

}  // namespace valence::kernels
