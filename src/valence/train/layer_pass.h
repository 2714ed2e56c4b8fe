/// \file
/// One transformer layer in training: forward, and backward beside it, over sequences laid end to end.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "valence/model/backend.h"
#include "valence/model/encoder_spec.h"
#include "valence/tensor/aligned_buffer.h"
#include "valence/train/attention.h"
#include "valence/train/linear.h"
#include "valence/train/network_options.h"
#include "valence/train/row_pass.h"

namespace valence::train {

/// The parameters of a layer. Which are there, the spec says.
struct Layer {
  Linear query, key, value, attention_output;
  std::optional<Norm> query_norm, key_norm, attention_norm;
  std::optional<Linear> position_key, position_query;  ///< of relative embeddings, where they are not key and query
  std::optional<Linear> gate;
  Linear intermediate, output;
  Norm output_norm;
};

/// What all layers of a batch know of distances (attention.h, RelativeTerms).
struct RelativeStates {
  std::vector<std::int32_t> rows;  ///< of each distance, in the table below (kDisentangled) or in `bias`
  std::int64_t longest = 0;
  const float* bias = nullptr;  ///< kBias
  float* d_bias = nullptr;
  RowsView<const float> states;  ///< kDisentangled: embeddings of the table's rows that occur, [rows, hidden]
  RowsView<float> d_states;      ///< layers add to it
};

/// What forward leaves for backward. Grown to the largest batch seen.
struct LayerTape {
  AlignedBuffer<float> input;         ///< [tokens, hidden]: what came in
  AlignedBuffer<float> normed;        ///< kPre: what attention read, [tokens, hidden]
  AlignedBuffer<float> chosen;        ///< what the queries are made of, where that is one token of each sequence
  AlignedBuffer<float> raw_q, raw_k;  ///< before their norms, where heads are normalised
  AlignedBuffer<float> q, k, v;
  AlignedBuffer<float> context;
  AlignedBuffer<float> attended;   ///< [rows, hidden]: the first residual sum
  AlignedBuffer<float> ffn_input;  ///< its norm
  AlignedBuffer<float> expanded;   ///< before the activation: [rows, intermediate], or gate and intermediate
  AlignedBuffer<float> summed;     ///< kPost: the second residual sum, before its norm
  AlignedBuffer<float> relative;   ///< what the position projections read
  AlignedBuffer<float> position_keys, position_queries;
  LinearTape position_key_tape, position_query_tape;
  LinearTape query_tape, key_tape, value_tape, attention_output_tape, gate_tape, intermediate_tape, output_tape;
};

/// The scratch and the threads of a forward and backward pass over layers.
class LayerPass {
 public:
  LayerPass(const EncoderSpec& spec, const NetworkOptions& options, const kernels::KernelTable& kernels,
            SpinTeam& team);

  struct Step {
    const Layer* layer = nullptr;
    std::int64_t index = 0;
    const PackedBatch* batch = nullptr;
    Queries queries = Queries::kAll;        ///< whose new states are wanted; the result has a row for each
    const DropoutStream* random = nullptr;  ///< null: no dropout
    const RelativeStates* relative = nullptr;
  };
  /// tape.input -> out [rows, hidden].
  void forward(const Step& step, LayerTape& tape, RowsView<float> out);
  /// d_out is the gradient of what forward wrote, and is overwritten; d_input [tokens, hidden] is written. Gradients of
  /// the layer's parameters are added.
  void backward(const Step& step, LayerTape& tape, RowsView<float> d_out, RowsView<float> d_input);

  [[nodiscard]] RowPass& rows() { return row_pass_; }
  [[nodiscard]] LinearPass& linear() { return linear_; }

 private:
  enum class Direction { kForward, kBackward };
  [[nodiscard]] std::int64_t rows_of(const Step& step) const;
  [[nodiscard]] AttentionCall attention_call(const Step& step, const LayerTape& tape) const;
  [[nodiscard]] RelativeTerms relative_terms(const Step& step, const LayerTape& tape) const;
  void project_relative(const Step& step, LayerTape& tape);
  void relative_backward(const Step& step, LayerTape& tape);
  void make_projections(const Step& step, LayerTape& tape);
  void projections_backward(const Step& step, LayerTape& tape, RowsView<float> d_input);
  void norm_heads(const Step& step, LayerTape& tape);
  void rotate(const Step& step, RowsView<float> x, std::int64_t heads, Queries queries, Direction direction);
  void ffn_activate_rows(const Step& step, const LayerTape& tape, RowsView<float> out, std::int64_t first,
                         std::int64_t rows) const;
  void ffn_backward(const Step& step, LayerTape& tape, RowsView<float> d_out, const LineTask& before_rows);

  EncoderSpec spec_;
  DropoutSpec dropout_;
  const kernels::KernelTable& kernels_;
  SpinTeam& team_;
  RowPass row_pass_;
  LinearPass linear_;
  Attention attention_;
  AlignedBuffer<float> activated_, d_activated_, d_expanded_, d_context_, d_q_, d_k_, d_v_, d_states_, d_ffn_input_,
      d_position_keys_, d_position_queries_, d_relative_, cos_, sin_;
  std::vector<std::int32_t> positions_;
};

}  // namespace valence::train
