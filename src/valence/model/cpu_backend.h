/// \file
/// The f32 backend on the CPU, over the kernels that dispatch picked.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "valence/base/error.h"
#include "valence/kernels/attention.h"
#include "valence/kernels/packed_linear.h"
#include "valence/kernels/row_ops.h"
#include "valence/model/backend.h"
#include "valence/model/encoder_attention.h"
#include "valence/model/f32_norm.h"
#include "valence/model/model.h"
#include "valence/model/packed_table.h"
#include "valence/model/stage_times.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence {

/// Immutable after construction: weights packed once. Satisfies Backend.
class CpuBackend {
 public:
  /// What one caller mutates. Buffers grow to the largest batch seen and stay.
  struct Workspace {
    kernels::RowsView<float> hidden;    ///< the current hidden states: in `states`, or in `chosen_rows`
    AlignedBuffer<float> states;        ///< [total_tokens, hidden_size]
    AlignedBuffer<float> embedded;      ///< [total_tokens, embedding_size], where it is another width
    AlignedBuffer<float> chosen_rows;   ///< [batch_size, hidden_size], the last layer's output
    AlignedBuffer<float> normed;        ///< what a block reads, where its norm stands before it
    AlignedBuffer<float> qkv;           ///< [total_tokens, q|k|v]; in the last layer k|v only
    AlignedBuffer<float> queries;       ///< [batch_size, query_size], the last layer's
    AlignedBuffer<float> context;       ///< attention's output
    AlignedBuffer<float> intermediate;  ///< one row block of the feed-forward, and the head's dense layer
    EncoderAttention::Workspace attention;
    StageTimes* stage_times = nullptr;  ///< filled when there

    void set_stage_times(StageTimes* times) { stage_times = times; }
  };

  struct PackOptions {
    std::vector<bool> layers;  ///< for each encoder layer, whether to pack it; the blocks of others must not be called
    TableFormat tables = TableFormat::kStored;
  };

  /// `model` must outlive the backend: embedding tables may be read where they lie. Mapped weights that were packed
  /// give their memory back.
  static Result<CpuBackend> pack(const Model& model, const kernels::KernelTable& kernels, const PackOptions& options);

  [[nodiscard]] std::int64_t num_hidden_layers() const { return static_cast<std::int64_t>(layers_.size()); }

  [[nodiscard]] OutputRows last_rows() const;
  void embed(const PackedBatch& batch, Workspace& workspace) const;
  void attention_block(std::int64_t layer, const PackedBatch& batch, OutputRows rows, Workspace& workspace) const;
  void ffn_block(std::int64_t layer, Workspace& workspace) const;
  void classify(const PackedBatch& batch, Workspace& workspace, std::span<float> logits) const;

  /// What of the parts below another backend uses, which runs the products in less than f32.

  /// The token of each sequence that the head reads, for OutputRows::kOneOfEach.
  [[nodiscard]] kernels::AttentionQueries chosen_queries() const;
  /// `out` = the rows of `states` [total_tokens, hidden_size] of those tokens.
  void gather_chosen_rows(const PackedBatch& batch, kernels::RowsView<const float> states,
                          AlignedBuffer<float>& out) const;
  [[nodiscard]] const kernels::KernelTable& kernels() const { return *kernels_; }
  [[nodiscard]] const EncoderAttention& attention() const { return attention_; }

 private:
  struct Layer {
    kernels::PackedLinear qkv;               ///< one product, but in a last layer that computes one row a sequence:
    kernels::PackedLinear query, key_value;  ///< queries for those rows only
    kernels::PackedLinear attention_output;
    std::optional<F32Norm> attention_norm;
    kernels::PackedLinear intermediate;  ///< gated: gate|up
    kernels::PackedLinear output;
    F32Norm output_norm;
  };

  CpuBackend(const ModelSpec& spec, const kernels::KernelTable& kernels, EncoderAttention attention)
      : spec_(spec), kernels_(&kernels), attention_(std::move(attention)) {}
  Layer pack_layer(const LayerWeights& weights, bool one_row) const;
  kernels::RowsView<const float> attention_input(const Layer& layer, Workspace& workspace) const;
  void pool(const PackedBatch& batch, Workspace& workspace) const;

  ModelSpec spec_;
  const kernels::KernelTable* kernels_;
  EncoderAttention attention_;
  PackedTable word_, position_, token_type_;
  std::optional<F32Norm> embedding_norm_;
  std::optional<kernels::PackedLinear> embedding_projection_;
  std::vector<std::shared_ptr<const Layer>> layers_;  ///< layers with the same parameters share one; null: not packed
  std::optional<F32Norm> final_norm_;
  std::optional<kernels::PackedLinear> head_dense_;
  std::optional<F32Norm> head_norm_;
  kernels::PackedLinear classifier_;
};

static_assert(Backend<CpuBackend>);

}  // namespace valence
