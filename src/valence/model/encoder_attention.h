/// \file
/// Self-attention as one model does it: rotary positions, norms of heads, windows, biases by distance, disentangled
/// scores. From projections in f32, or for the staged attention of a table that does patterns.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "valence/kernels/attention.h"
#include "valence/kernels/encoder_kernels.h"
#include "valence/kernels/row_ops.h"
#include "valence/model/f32_norm.h"
#include "valence/model/model.h"
#include "valence/tensor/aligned_buffer.h"

namespace valence {

/// What a model adds to plain attention, laid out for the kernels once. Immutable; may be used from many threads.
class EncoderAttention {
 public:
  /// Cosines and sines of the positions [0, length) under one RotarySpec: [length, head_size / 2] each.
  struct RotaryTable {
    std::int64_t length = 0;
    AlignedBuffer<float> cos, sin;
  };
  /// What one caller mutates.
  struct Workspace {
    AlignedBuffer<float> scratch;
    std::vector<RotaryTable> rotary;      ///< one for each distinct RotarySpec of the model
    std::vector<std::int32_t> positions;  ///< of the rows of a call
  };

  /// Projections of sequences laid end to end. `q` and `k` are changed where the model rotates or normalises them.
  struct Call {
    std::int64_t layer = 0;
    float* q = nullptr;
    float* k = nullptr;
    float* v = nullptr;
    std::int64_t q_stride = 0;
    std::int64_t kv_stride = 0;
    std::span<const std::int32_t> cu_seqlens;  ///< [sequences + 1], from 0
    kernels::AttentionQueries queries = kernels::AttentionQueries::kAll;
    kernels::RowsView<float> out = {};  ///< [tokens or sequences, query_size]
  };

  /// Staged projections, kRows, whose rows are a Call's.
  struct StagedCall {
    std::int64_t layer = 0;
    kernels::Staging q;
    kernels::Staging k;
    std::span<const std::int32_t> cu_seqlens;
    kernels::AttentionQueries queries = kernels::AttentionQueries::kAll;
  };

  static EncoderAttention make(const Model& model, const kernels::KernelTable& kernels);

  void run(const Call& call, Workspace& workspace) const;

  /// Whether the staged attention of `kernels` does this model: prepare_staged(), then with pattern().
  [[nodiscard]] bool runs_staged(const kernels::EncoderKernels& kernels) const;
  /// Normalises and rotates staged heads where the model does.
  void prepare_staged(const kernels::EncoderKernels& kernels, const StagedCall& call, Workspace& workspace) const;
  /// Of scores: 1 / sqrt(head_size), and of the terms of disentangled ones.
  [[nodiscard]] float scale() const;
  [[nodiscard]] kernels::AttentionPattern pattern(std::int64_t layer) const {
    return pattern(layers_[static_cast<std::size_t>(layer)]);
  }

 private:
  struct Layer {
    std::optional<std::size_t> rotary;  // which of rotary_
    std::int64_t window = -1;
    std::optional<F32Norm> query_norm, key_norm;
    AlignedBuffer<float> position_keys, position_queries;  // [table rows, query_size]
  };

  EncoderAttention(const EncoderSpec& spec, const kernels::KernelTable& kernels) : spec_(spec), kernels_(&kernels) {}
  void make_bias(const MatrixView& table);
  void make_distance_rows();
  void project_relative(const Model& model);
  [[nodiscard]] kernels::AttentionPattern pattern(const Layer& layer) const;
  void normalise_heads(const Call& call, const Layer& layer) const;
  void rotate(const Call& call, std::size_t rotary, Workspace& workspace) const;
  const RotaryTable& rotary_table(std::size_t rotary, std::span<const std::int32_t> cu_seqlens,
                                  Workspace& workspace) const;

  EncoderSpec spec_;
  const kernels::KernelTable* kernels_;
  std::vector<Layer> layers_;
  std::vector<RotarySpec> rotary_;
  std::int64_t longest_ = 0;                 // sequences have at most so many tokens
  std::vector<float> bias_;                  // [heads][2 * longest - 1], distance 0 in the middle
  std::vector<std::int32_t> distance_rows_;  // [2 * longest - 1]
  bool rows_rise_by_one_ = true;             // at most, from a distance to the next
};

/// The row of a table of relative positions that belongs to query - key = `distance`.
/// kBias: MPNetEncoder.relative_position_bucket; kDisentangled: make_log_bucket_position, shifted to begin at 0.
[[nodiscard]] std::int64_t relative_row(const RelativePositions& relative, std::int64_t distance);

/// The angle by which pair `i` of a head turns for each position, as transformers computes it in f32.
[[nodiscard]] float inverse_frequency(const RotarySpec& rotary, std::int64_t head_size, std::int64_t i);

}  // namespace valence
