/// \file
/// DeBERTa-v2's convolution of the embeddings, which joins the states behind the first layer, in training.
#pragma once

#include <cstdint>

#include "valence/model/backend.h"
#include "valence/model/encoder_spec.h"
#include "valence/tensor/aligned_buffer.h"
#include "valence/train/linear.h"
#include "valence/train/row_pass.h"

namespace valence::train {

/// The parameters. The kernel W[output][input][place] is a linear layer over a token's neighbours, laid out
/// [input][place]; beyond a text's ends these are zeros.
struct Convolution {
  Linear kernel;
  Norm norm;
};

/// out = norm(states + act(dropout(convolution of the embeddings))), over sequences laid end to end. Source: ConvLayer
/// of transformers, modeling_deberta_v2. One thread calls it; the team computes.
class ConvolutionPass {
 public:
  ConvolutionPass(const EncoderSpec& spec, const Convolution& convolution, RowPass& rows, LinearPass& linear,
                  SpinTeam& team)
      : spec_(spec), convolution_(convolution), rows_(rows), linear_(linear), team_(team) {}

  struct Step {
    const PackedBatch* batch = nullptr;
    DropoutRate dropout;
    const DropoutStream* random = nullptr;  ///< null: no dropout
    std::uint64_t place = 0;                ///< of the dropout's numbers
  };
  /// embeddings, states, out: [tokens, hidden]; out is another buffer than the two.
  void forward(const Step& step, RowsView<const float> embeddings, RowsView<const float> states, RowsView<float> out);
  /// After forward of the same. `gradient` is that of `out` and becomes that of `states`; adds to the gradients of the
  /// parameters.
  void backward(const Step& step, RowsView<float> gradient);
  /// Adds what backward found for the embeddings.
  void add_to_embeddings(const PackedBatch& batch, RowsView<float> d_embeddings);

 private:
  const EncoderSpec& spec_;
  const Convolution& convolution_;
  RowPass& rows_;
  LinearPass& linear_;
  SpinTeam& team_;
  LinearTape tape_;
  AlignedBuffer<float> neighbours_;  // [tokens, hidden * width]
  AlignedBuffer<float> convolved_;   // before the activation, dropped
  AlignedBuffer<float> summed_;      // before the norm
  AlignedBuffer<float> d_convolved_, d_neighbours_;
};

}  // namespace valence::train
