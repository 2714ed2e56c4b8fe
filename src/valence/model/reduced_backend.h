/// \file
/// The reduced-precision backend on the CPU: encoder layers over the fused kernels of an EncoderKernels table.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "valence/base/team.h"
#include "valence/kernels/packed_weights.h"
#include "valence/model/cpu_backend.h"

namespace valence {

/// Hidden states stay f32 between layers, so embeddings, the head, and layers kept in f32 are CpuBackend's.
/// Immutable after construction. Satisfies Backend.
class ReducedBackend {
 public:
  /// Rows of activations as the products read them.
  struct OperandBuffer {
    AlignedBuffer<std::byte> values;
    AlignedBuffer<float> scales;
    AlignedBuffer<std::int32_t> sums;
  };
  /// What one caller mutates. Buffers grow to the largest batch seen and stay.
  struct Workspace {
    CpuBackend::Workspace f32;           ///< holds the hidden states
    bool operand_is_current = false;     ///< `operand` is what the next block reads
    OperandBuffer operand;               ///< [total_tokens, hidden_size]: the hidden states, pre-norm their norm
    OperandBuffer context;               ///< attention's output, quantised: [total_tokens, query_size]
    OperandBuffer wide;                  ///< a chunk of the feed-forward: [rows, intermediate_size]
    AlignedBuffer<std::byte> projected;  ///< staged q|k|v of a chunk, or a chunk of the feed-forward
    AlignedBuffer<std::byte> queries;    ///< staged, the last layer's
    AlignedBuffer<std::byte> attended;   ///< staged attention output of a chunk
    AlignedBuffer<std::byte> product;    ///< staged [rows, hidden_size] on its way into the hidden states
    AlignedBuffer<std::byte> scratch;    ///< attention's own
    AlignedBuffer<std::byte> position_scratch;
    AlignedBuffer<float> rows;             ///< f32 copies of staged rows, for what only f32 kernels do
    std::vector<std::int32_t> cu_seqlens;  ///< of the sequences of a chunk, from 0

    void set_stage_times(StageTimes* times) { f32.stage_times = times; }
  };

  /// `options.layers` says for each encoder layer whether it runs by `kernels`, or in f32 by `table`. `model` must
  /// outlive the backend.
  static Result<ReducedBackend> pack(const Model& model, const kernels::KernelTable& table,
                                     const kernels::EncoderKernels& kernels, const CpuBackend::PackOptions& options);

  [[nodiscard]] std::int64_t num_hidden_layers() const { return f32_.num_hidden_layers(); }

  [[nodiscard]] OutputRows last_rows() const { return f32_.last_rows(); }
  void embed(const PackedBatch& batch, Workspace& workspace) const;
  void attention_block(std::int64_t layer, const PackedBatch& batch, OutputRows rows, Workspace& workspace) const;
  void ffn_block(std::int64_t layer, Workspace& workspace) const;
  [[nodiscard]] bool has_convolution() const { return f32_.has_convolution(); }
  void convolve(const PackedBatch& batch, Workspace& workspace) const;
  void classify(const PackedBatch& batch, Workspace& workspace, std::span<float> logits) const;

  /// Whether forward_together() does this model: the plain post-norm encoders.
  [[nodiscard]] bool works_in_teams() const;
  /// forward() by a team: every member calls it with the same arguments but its own `member`. Products are divided by
  /// rows or by columns, attention by heads. Logits are the same to the bit as one thread's. For batches of one or a
  /// few short texts, which leave nothing else to divide: all is staged at once.
  void forward_together(const PackedBatch& batch, Workspace& workspace, std::span<float> logits,
                        const TeamMember& member) const;

 private:
  struct Layer {
    kernels::PackedWeights qkv;               ///< one product, but in a last layer that computes one row a sequence:
    kernels::PackedWeights query, key_value;  ///< queries for those rows only
    kernels::PackedWeights attention_output;
    std::optional<F32Norm> attention_norm;
    kernels::PackedWeights intermediate;  ///< gated: gate|up
    kernels::PackedWeights output;
    F32Norm output_norm;
  };
  /// Staged projections of the sequences of a chunk, row 0 being `first_token`'s; without `all`, q has one row a
  /// sequence, row 0 being first_sequence's.
  struct Projections {
    kernels::Staging q, k, v;
    std::int64_t first_sequence, sequences, first_token, tokens;
    bool all;
  };

  ReducedBackend(CpuBackend f32, const ModelSpec& spec, const kernels::EncoderKernels& kernels)
      : f32_(std::move(f32)), spec_(spec), kernels_(&kernels) {}
  Layer pack_layer(const LayerWeights& weights, bool one_row) const;
  void make_operand_current(const F32Norm* norm, Workspace& workspace) const;
  [[nodiscard]] const F32Norm* norm_before_attention(const Layer& layer) const;
  void attend_staged(std::int64_t index, const Projections& projections, const PackedBatch& batch,
                     kernels::Operand context, Workspace& workspace) const;
  static void set_chunk_offsets(const Projections& projections, const PackedBatch& batch,
                                std::vector<std::int32_t>& cu_seqlens);
  void attend_in_f32(std::int64_t index, const Projections& projections, const PackedBatch& batch,
                     kernels::Operand context, Workspace& workspace) const;
  kernels::RowsView<float> f32_rows(const kernels::Staging& staged, std::int64_t rows, std::int64_t width,
                                    AlignedBuffer<float>& copy) const;
  [[nodiscard]] const F32Norm* norm_after_ffn(std::int64_t index) const;
  kernels::RowsView<const float> chosen_inputs(const Layer& layer, std::int64_t sequences, Workspace& workspace) const;
  void add_residual(const kernels::Staging& addend, std::int64_t rows, std::int64_t hidden_row,
                    Workspace& workspace) const;
  void attend(std::int64_t index, const Layer& layer, const PackedBatch& batch, OutputRows rows,
              Workspace& workspace) const;
  void add_product(const kernels::PackedWeights& weights, const kernels::Operand& x, std::int64_t first_row,
                   std::int64_t rows, std::int64_t hidden_row, const F32Norm* norm, Workspace& workspace) const;
  void make_room_for_team(const PackedBatch& batch, Workspace& workspace, std::size_t members) const;
  void product_together(const kernels::PackedWeights& weights, const kernels::Operand& x, std::int64_t rows,
                        kernels::Activation activation, const kernels::Staging& out, const TeamMember& member) const;
  void add_product_together(const kernels::PackedWeights& weights, const kernels::Operand& x, const F32Norm& norm,
                            Workspace& workspace, const TeamMember& member) const;
  void attention_block_together(const Layer& layer, const PackedBatch& batch, OutputRows rows, Workspace& workspace,
                                const TeamMember& member) const;
  void ffn_block_together(const Layer& layer, Workspace& workspace, const TeamMember& member) const;
  kernels::Staging staging(AlignedBuffer<std::byte>& buffer, std::int64_t rows, std::int64_t width,
                           kernels::StagingLayout layout) const;
  kernels::Operand operand(OperandBuffer& buffer, std::int64_t rows, std::int64_t width) const;

  CpuBackend f32_;
  ModelSpec spec_;
  const kernels::EncoderKernels* kernels_;
  std::vector<std::shared_ptr<const Layer>> layers_;  ///< null: in f32
};

static_assert(Backend<ReducedBackend>);

}  // namespace valence
