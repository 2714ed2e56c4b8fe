/// \file
/// What an encoder forward pass asks of the machine that runs it.
#pragma once

#include <concepts>
#include <cstdint>
#include <span>

#include "valence/base/error.h"

namespace valence {

/// Sequences laid end to end; there is no padding anywhere.
struct PackedBatch {
  std::span<const std::int32_t> input_ids;       ///< [total_tokens]
  std::span<const std::int32_t> token_type_ids;  ///< [total_tokens], or empty: all zero
  std::span<const std::int32_t> position_ids;    ///< [total_tokens], from 0 in each sequence
  std::span<const std::int32_t> cu_seqlens;      ///< [batch_size + 1], from 0 to total_tokens
  std::int32_t max_seqlen = 0;

  [[nodiscard]] std::int64_t total_tokens() const { return static_cast<std::int64_t>(input_ids.size()); }
  [[nodiscard]] std::int64_t batch_size() const { return static_cast<std::int64_t>(cu_seqlens.size()) - 1; }
};

/// The rows whose new hidden states somebody reads. A head that looks at one token of each sequence (its first, or its
/// last: the model says) needs no other of the last layer; keys and values that layer still takes from all.
enum class OutputRows { kAll, kOneOfEach };

/// The operations of a forward pass. A backend owns the packed weights; its Workspace owns the hidden states. The
/// blocks are the backend's own, so that it may keep whatever it likes between them (an int8 backend: row scales and
/// packed q, k, v). What it must keep: a sequence's result does not depend on the rest of the batch, to the bit.
///
/// Blocks are called in order: embed, then attention and feed-forward for each layer, then classify. After a block with
/// OutputRows::kOneOfEach the hidden states have one row a sequence, and only classify follows.
template <class B>
concept Backend = requires(const B backend, typename B::Workspace& workspace, const PackedBatch& batch,
                           std::int64_t layer, OutputRows rows, std::span<float> logits) {
  { backend.num_hidden_layers() } -> std::convertible_to<std::int64_t>;
  /// Which rows of the last layer the head reads.
  { backend.last_rows() } -> std::same_as<OutputRows>;
  /// Embeddings, normalised and projected as the model does it, into the workspace's hidden states.
  backend.embed(batch, workspace);
  /// hidden = norm(hidden + output(attention(hidden))), or with the norm before the attention
  backend.attention_block(layer, batch, rows, workspace);
  /// hidden = norm(hidden + output(act(intermediate(hidden)))), or with the norm before the products, or gated
  backend.ffn_block(layer, workspace);
  /// logits [batch_size, num_labels], or [total_tokens, num_labels] where the head reads every token.
  backend.classify(batch, workspace, logits);
};

}  // namespace valence
