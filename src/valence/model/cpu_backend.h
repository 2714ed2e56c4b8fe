/// \file
/// The f32 backend on the CPU, over the kernels that dispatch picked.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "valence/base/error.h"
#include "valence/kernels/attention.h"
#include "valence/kernels/packed_linear.h"
#include "valence/kernels/row_ops.h"
#include "valence/model/backend.h"
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
    kernels::RowsView<float> hidden;    ///< the current hidden states: in `states`, or in `first_rows`
    AlignedBuffer<float> states;        ///< [total_tokens, hidden_size]
    AlignedBuffer<float> first_rows;    ///< [batch_size, hidden_size], the last layer's output
    AlignedBuffer<float> qkv;           ///< [total_tokens, 3 * hidden_size]; in the last layer k|v only
    AlignedBuffer<float> queries;       ///< [batch_size, hidden_size], the last layer's
    AlignedBuffer<float> context;       ///< attention's output
    AlignedBuffer<float> intermediate;  ///< one row block of the feed-forward, and the head's dense layer
    AlignedBuffer<float> scratch;       ///< attention's own
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

  void embed(const PackedBatch& batch, Workspace& workspace) const;
  void attention_block(std::int64_t layer, const PackedBatch& batch, OutputRows rows, Workspace& workspace) const;
  void ffn_block(std::int64_t layer, Workspace& workspace) const;
  void classify(Workspace& workspace, std::span<float> logits) const;

  /// workspace.first_rows = the hidden states of each sequence's first token.
  void gather_first_rows(const PackedBatch& batch, Workspace& workspace) const;

  /// A layer norm's parameters in f32.
  struct Norm {
    AlignedBuffer<float> weight;
    AlignedBuffer<float> bias;
    float epsilon = 0;
    [[nodiscard]] kernels::LayerNormWeights view() const { return {weight.data(), bias.data(), epsilon}; }
  };
  [[nodiscard]] Norm pack_norm(const LayerNormWeights& weights) const;

 private:
  struct Layer {
    kernels::PackedLinear qkv;               ///< all layers but the last: one product
    kernels::PackedLinear query, key_value;  ///< the last layer: queries for first tokens only
    kernels::PackedLinear attention_output;
    Norm attention_norm;
    kernels::PackedLinear intermediate;
    kernels::PackedLinear output;
    Norm output_norm;
  };

  CpuBackend(const ModelSpec& spec, const kernels::KernelTable& kernels) : spec_(spec), kernels_(&kernels) {}
  Layer pack_layer(const LayerWeights& weights, bool last) const;
  [[nodiscard]] kernels::AttentionShape attention_shape() const;

  ModelSpec spec_;
  const kernels::KernelTable* kernels_;
  PackedTable word_, position_, token_type_;
  Norm embedding_norm_;
  std::vector<Layer> layers_;
  kernels::PackedLinear head_dense_;
  kernels::PackedLinear classifier_;
};

static_assert(Backend<CpuBackend>);

}  // namespace valence
