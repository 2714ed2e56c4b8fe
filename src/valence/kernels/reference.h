/// \file
/// What every kernel means: plain loops, accumulating in double. Slow; for tests and for reading.
#pragma once

#include <cstdint>
#include <span>

#include "valence/kernels/attention.h"
#include "valence/kernels/linear.h"
#include "valence/kernels/row_ops.h"

namespace valence::kernels::reference {

/// The functions as their papers define them; gelu_new is the tanh form.
[[nodiscard]] double activate(Activation activation, double x);

/// weight: [out_features, in_features]; bias: [out_features] or empty.
struct DenseLinear {
  LinearShape shape;
  std::span<const float> weight;
  std::span<const float> bias;
};

/// out = residual + activation(x W^T + bias).
void linear(RowsView<const float> x, const DenseLinear& weights, const LinearEpilogue& epilogue, RowsView<double> out);

/// See kernels::self_attention.
void self_attention(AttentionShape shape, QkvView qkv, std::span<const std::int32_t> cu_seqlens,
                    AttentionQueries queries, RowsView<double> out);
void self_attention(AttentionShape shape, const AttentionPattern& pattern, QkvView qkv,
                    std::span<const std::int32_t> cu_seqlens, AttentionQueries queries, RowsView<double> out);

/// out = layer_norm(x + addend); addend.data may be null.
void add_layer_norm(RowsView<const float> x, RowsView<const float> addend, std::int64_t width,
                    const LayerNormWeights& norm, RowsView<double> out);

/// See kernels::embed_layer_norm.
void embed_layer_norm(const Embeddings& embeddings, const EmbeddingIds& ids, RowsView<double> out);

/// See kernels::rotate; `x` apart from call.x, which is not looked at.
void rotate(const RotaryCall& call, RowsView<double> x);

/// See kernels::gate; `out` apart from call.out, which is not looked at.
void gate(const GateCall& call, RowsView<double> out);

}  // namespace valence::kernels::reference
