/// \file
/// A classifier that learns: token ids to logits, and the gradient of the logits back to every parameter.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/model/backend.h"
#include "valence/train/base_model.h"
#include "valence/train/convolution_pass.h"
#include "valence/train/layer_pass.h"

namespace valence::train {

/// Over the encoder description that inference runs (encoder_spec.h), packed without padding. Reads and writes the
/// parameters of a BaseModel, which must outlive it, after set_learning(). One thread calls it; the team computes.
class Network {
 public:
  /// Errors: kUnsupported, naming what cannot be trained yet.
  static Result<std::unique_ptr<Network>> make(const BaseModel& model, const NetworkOptions& options,
                                               const kernels::KernelTable& kernels, SpinTeam& team);

  /// logits: [batch_size, num_labels]. The batch's ids must be in range. `random` null: no dropout (evaluation).
  void forward(const PackedBatch& batch, const DropoutStream* random, std::span<float> logits);
  /// Adds the gradients of all parameters that learn, after forward() with the same batch and random numbers.
  void backward(const PackedBatch& batch, const DropoutStream* random, std::span<const float> d_logits);

  /// The encoder alone: what the head reads of each sequence, [batch_size, hidden_size], and its gradient back.
  void forward_pooled(const PackedBatch& batch, const DropoutStream* random, std::span<float> pooled);
  void backward_pooled(const PackedBatch& batch, const DropoutStream* random, std::span<const float> d_pooled);

  /// The head alone, over what it reads: pooled [rows, hidden_size]. For an encoder that does not learn.
  void forward_head(std::span<const float> pooled, std::int64_t rows, const DropoutStream* random,
                    std::span<float> logits);
  void backward_head(std::int64_t rows, const DropoutStream* random, std::span<const float> d_logits);

  /// A linear layer of the encoder or the head by its module's name ("bert.encoder.layer.0.attention.self.query").
  struct NamedLinear {
    std::string name;
    Linear* linear = nullptr;
  };
  [[nodiscard]] std::vector<NamedLinear> linears();
  [[nodiscard]] const ModelSpec& spec() const { return model_.spec; }

 private:
  Network(const BaseModel& model, const NetworkOptions& options, const kernels::KernelTable& kernels, SpinTeam& team);
  [[nodiscard]] Linear linear_of(const LinearWeights& weights);
  [[nodiscard]] Norm norm_of(const LayerNormWeights& weights) const;
  [[nodiscard]] Layer layer_of(const LayerWeights& weights);
  [[nodiscard]] Convolution convolution_of(const ConvolutionWeights& weights);
  [[nodiscard]] ConvolutionPass::Step convolution_step(const PackedBatch& batch, const DropoutStream* random) const;
  [[nodiscard]] PackedBatch complete(const PackedBatch& batch);
  [[nodiscard]] Queries last_queries() const;
  void prepare_relative(const PackedBatch& batch);
  void relative_backward();
  void embed(const PackedBatch& batch, const DropoutStream* random, RowsView<float> out);
  void embed_backward(const PackedBatch& batch, const DropoutStream* random, RowsView<float> d_states);
  void forward_encoder(const PackedBatch& given, const DropoutStream* random);
  void backward_encoder(const PackedBatch& given, const DropoutStream* random);
  void pool(const PackedBatch& batch, RowsView<const float> states);
  void pool_backward(const PackedBatch& batch, RowsView<float> d_states);
  void head(const DropoutStream* random, std::int64_t rows, std::span<float> logits);
  void head_backward(const DropoutStream* random, std::int64_t rows, std::span<const float> d_logits);

  const BaseModel& model_;
  EncoderSpec spec_;
  HeadSpec head_;
  DropoutSpec dropout_;
  const kernels::KernelTable& kernels_;
  SpinTeam& team_;
  LayerPass pass_;
  std::uint64_t linears_made_ = 0;

  std::optional<Norm> embedding_norm_, relative_norm_, final_norm_, head_norm_;
  std::optional<Linear> projection_, head_dense_;
  Linear classifier_;
  Convolution convolution_;
  std::optional<ConvolutionPass> convolution_pass_;  // where the model has a convolution
  std::vector<std::unique_ptr<Layer>> layers_;       // distinct ones
  std::vector<Layer*> runs_;                         // the layer of each run
  std::vector<LayerTape> tapes_;

  LinearTape projection_tape_, dense_tape_, classifier_tape_;
  AlignedBuffer<float> embedded_, normed_, final_states_, final_normed_, pooled_, pooled_dropped_, dense_,
      dense_active_, dense_normed_, classifier_input_, d_a_, d_b_, d_pooled_, d_embedded_, before_convolution_;
  std::vector<std::int32_t> positions_, types_;
  RelativeStates relative_;
  std::int64_t first_relative_row_ = 0;  // of the table, in relative_.states
  AlignedBuffer<float> relative_states_, d_relative_states_;
};

}  // namespace valence::train
