/// \file
/// Operations on whole rows: embedding lookup, normalisation, rotary embedding, activations, gates.
///
/// All are single-threaded, allocate nothing, need no alignment, and treat each row (each element, for `activate`)
/// alone: its bits do not depend on the others.
#pragma once

#include <cstdint>
#include <span>

#include "valence/kernels/kernel_table.h"

namespace valence::kernels {

/// out = (x - mean) / sqrt(variance + epsilon) * weight + bias over rows of `width`; the variance is the biased one, as
/// in torch.nn.LayerNorm. norm.kind kRmsNorm: out = x / sqrt(mean of x^2 + epsilon) * weight. out may be x.
void layer_norm(const KernelTable& kernels, RowsView<const float> x, std::int64_t width, const LayerNormWeights& norm,
                RowsView<float> out) noexcept;

/// out = layer_norm(x + addend). out may be x or addend.
void add_layer_norm(const KernelTable& kernels, RowsView<const float> x, RowsView<const float> addend,
                    std::int64_t width, const LayerNormWeights& norm, RowsView<float> out) noexcept;

/// Tables are [rows, width]; position and token_type may be absent (no data).
struct Embeddings {
  EmbeddingTable word;
  EmbeddingTable position;
  EmbeddingTable token_type;
  std::int64_t width = 0;
  LayerNormWeights norm;
  bool normalize = true;  ///< false: the sum as it is, as decoders take it
};

/// Each as long as out has rows, except that the ids of an absent table may be empty. The caller has checked them
/// against the tables' rows.
struct EmbeddingIds {
  std::span<const std::int32_t> input_ids;
  std::span<const std::int32_t> position_ids;
  std::span<const std::int32_t> token_type_ids;
};

/// out[t] = layer_norm(word[input_ids[t]] + position[position_ids[t]] + token_type[token_type_ids[t]]), or the sum.
void embed_layer_norm(const KernelTable& kernels, const Embeddings& embeddings, const EmbeddingIds& ids,
                      RowsView<float> out) noexcept;

/// out = activation(x), element by element. out may be x; sizes agree.
/// Within 1e-6 of the exact function everywhere; NaN gives NaN.
void activate(const KernelTable& kernels, Activation activation, std::span<const float> x,
              std::span<float> out) noexcept;

/// Rotary position embedding (Su et al. 2021) in the "rotate half" form of Hugging Face, in place. For each row and
/// head, with half = rotary_dim / 2 and p the row's position:
///   out[i] = x[i] cos[p][i] - x[half + i] sin[p][i];  out[half + i] = x[half + i] cos[p][i] + x[i] sin[p][i].
/// Columns of a head past rotary_dim (even, at most head_dim) stay as they are. The caller has checked the positions
/// against the rows of the tables.
void rotate(const KernelTable& kernels, const RotaryCall& call) noexcept;

/// out[r][c] = activation(x[r][c]) * x[r][width + c] for c below width. out may be x (the same data and stride).
void gate(const KernelTable& kernels, const GateCall& call) noexcept;

/// x += y over rows of `width`.
void add_rows(const KernelTable& kernels, RowsView<float> x, RowsView<const float> y, std::int64_t width) noexcept;

}  // namespace valence::kernels
