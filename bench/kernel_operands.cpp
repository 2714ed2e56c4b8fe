#include "bench/kernel_operands.h"

#include <algorithm>
#include <random>
#include <span>

namespace valence::bench {
namespace {

using kernels::LinearShape;

/// Calls pack(rows, bias).
template <class Pack>
auto with_random_rows(LinearShape shape, const Pack& pack) {
  const auto row = random_floats(shape.in_features + 64, 0.06F);
  const auto bias = random_floats(shape.out_features, 0.1F);
  const kernels::WeightRows rows = [&](std::int64_t out_feature, std::span<float> to) {
    std::copy_n(row.data() + out_feature % 64, to.size(), to.data());
  };
  return pack(rows, bias.span());
}

}  // namespace

AlignedBuffer<float> random_floats(std::int64_t size, float spread) {
  static std::mt19937 engine(7);
  AlignedBuffer<float> values(static_cast<std::size_t>(size));
  for (float& v : values.span()) v = spread * (static_cast<float>(engine() >> 8U) / 8388608.0F - 1.0F);
  return values;
}

kernels::PackedLinear random_linear(const kernels::KernelTable& table, LinearShape shape) {
  return with_random_rows(shape, [&](const kernels::WeightRows& rows, std::span<const float> bias) {
    return kernels::PackedLinear::pack(table, shape, rows, bias);
  });
}

kernels::PackedWeights random_weights(const kernels::EncoderKernels& encoder, LinearShape shape) {
  return with_random_rows(shape, [&](const kernels::WeightRows& rows, std::span<const float> bias) {
    return kernels::PackedWeights::pack(encoder, {.shape = shape, .rows = rows, .scales = {}, .bias = bias});
  });
}

std::vector<std::int32_t> equal_sequences(std::int64_t tokens, std::int64_t seqlen) {
  std::vector<std::int32_t> cu_seqlens = {0};
  for (std::int64_t end = seqlen; end <= std::max(tokens, seqlen); end += seqlen) {
    cu_seqlens.push_back(static_cast<std::int32_t>(end));
  }
  return cu_seqlens;
}

}  // namespace valence::bench
