/// \file
/// Self-attention that learns: forward, and backward from its inputs alone (scores are computed again).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "valence/base/spin_team.h"
#include "valence/kernels/bf16_products.h"
#include "valence/kernels/training_table.h"
#include "valence/tensor/aligned_buffer.h"
#include "valence/train/dropout.h"

namespace valence::train {

using kernels::RowsView;

/// What a layer's queries see, and what their scores are multiplied with.
struct AttentionForm {
  std::int64_t num_heads = 0;
  std::int64_t num_kv_heads = 0;
  std::int64_t head_dim = 0;
  float scale = 0.0F;
  bool causal = false;
  std::int64_t window = -1;  ///< >= 0: keys at most so far away
};

/// Which tokens ask: all, or one of each sequence (what a head reads of the last layer).
enum class Queries { kAll, kFirstOfEach, kLastOfEach };

/// What scores owe to the distance between query and key (encoder_spec.h, RelativePositions). Rows of the tables belong
/// to distances; `rows` names the one of each, query - key = d at rows[longest - 1 + d]. Gradients are added; null
/// where none is wanted (forward).
struct RelativeTerms {
  std::span<const std::int32_t> rows;  ///< [2 * longest - 1], ascending or constant
  std::int64_t longest = 0;            ///< at least the longest sequence
  /// kBias: added to the score of head h, bias[row * num_heads + h].
  const float* bias = nullptr;
  float* d_bias = nullptr;
  /// kDisentangled: score = scale * (q . k + q . position_keys[row] + k . position_queries[row]); either may be absent.
  RowsView<const float> position_keys, position_queries;  ///< [table rows, num_heads * head_dim]
  RowsView<float> d_position_keys, d_position_queries;
};

struct AttentionCall {
  AttentionForm form;
  const RelativeTerms* relative = nullptr;
  RowsView<const float> q;     ///< a row a query: head h at column h * head_dim
  RowsView<const float> k, v;  ///< a row a token
  std::span<const std::int32_t> cu_seqlens;
  Queries queries = Queries::kAll;
  DropoutRate dropout;  ///< of the probabilities
  std::uint64_t dropout_key = 0;
};

/// Mutable scratch, one for each member of the team; not thread-safe beyond that.
class Attention {
 public:
  /// `bf16`: products of plain scores and weights round their operands to it; null: all in f32. What relative terms
  /// add is in f32 either way.
  Attention(const kernels::KernelTable& kernels, const kernels::Bf16Products* bf16, SpinTeam& team)
      : kernels_(kernels), bf16_(bf16), team_(team), scratch_(team.size()), bf16_scratch_(team.size()) {}

  /// out: [queries, num_heads * head_dim].
  void forward(const AttentionCall& call, RowsView<float> out);

  struct Gradients {
    RowsView<float> q, k, v;  ///< written; laid out as the inputs
  };
  void backward(const AttentionCall& call, RowsView<const float> d_out, const Gradients& gradients);

 private:
  struct Work;
  void for_each(const AttentionCall& call, const Gradients* gradients, RowsView<const float> d_out,
                RowsView<float> out);
  void run(const AttentionCall& call, std::int64_t sequence, std::int64_t kv_head, std::size_t member,
           const Gradients* gradients, RowsView<const float> d_out, RowsView<float> out);

  const kernels::KernelTable& kernels_;
  const kernels::Bf16Products* bf16_;
  SpinTeam& team_;
  std::vector<AlignedBuffer<float>> scratch_;
  std::vector<AlignedBuffer<std::byte>> bf16_scratch_;
};

}  // namespace valence::train
