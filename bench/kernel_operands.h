/// \file
/// Seeded random operands for kernels that are measured alone.
#pragma once

#include <cstdint>
#include <vector>

#include "valence/kernels/kernel_table.h"
#include "valence/kernels/packed_linear.h"
#include "valence/kernels/packed_weights.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence::bench {

/// Uniform in [-spread, spread); each call other values, the same in every run.
[[nodiscard]] AlignedBuffer<float> random_floats(std::int64_t size, float spread);

/// Weights like those of trained encoders; rows repeat after 64, which no kernel can tell.
[[nodiscard]] kernels::PackedLinear random_linear(const kernels::KernelTable& table, kernels::LinearShape shape);
[[nodiscard]] kernels::PackedWeights random_weights(const kernels::EncoderKernels& encoder, kernels::LinearShape shape);

/// cu_seqlens of as many sequences of `seqlen` tokens as fit into `tokens`, at least one.
[[nodiscard]] std::vector<std::int32_t> equal_sequences(std::int64_t tokens, std::int64_t seqlen);

[[nodiscard]] inline kernels::RowsView<const float> view(const AlignedBuffer<float>& rows, std::int64_t count,
                                                         std::int64_t width) {
  return {rows.data(), count, width};
}
[[nodiscard]] inline kernels::RowsView<float> view(AlignedBuffer<float>& rows, std::int64_t count, std::int64_t width) {
  return {rows.data(), count, width};
}

}  // namespace valence::bench
