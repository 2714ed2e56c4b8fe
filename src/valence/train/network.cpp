#include "valence/train/network.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "valence/base/check.h"
#include "valence/model/encoder_attention.h"
#include "valence/model/position_ids.h"
#include "valence/train/row_views.h"

namespace valence::train {
namespace {

// Places of dropout outside the layers; layers have the numbers below, linear layers (LoRA) those above.
constexpr std::uint64_t kEmbeddingsPlace = 1U << 20U;
constexpr std::uint64_t kPooledPlace = kEmbeddingsPlace + 1;
constexpr std::uint64_t kClassifierPlace = kEmbeddingsPlace + 2;
constexpr std::uint64_t kConvolutionPlace = kEmbeddingsPlace + 3;
constexpr std::uint64_t kFirstLinearPlace = 1U << 21U;

const float* floats(const TensorView& tensor) { return reinterpret_cast<const float*>(tensor.bytes.data()); }

}  // namespace

Result<std::unique_ptr<Network>> Network::make(const BaseModel& model, const NetworkOptions& options,
                                               const kernels::KernelTable& kernels, SpinTeam& team) {
  if (model.spec.head.pooling == Pooling::kNone) {
    return fail(ErrorCode::kUnsupported, {},
                fmt::format("{} models: token classification cannot be trained yet", model.spec.model_type),
                "choose a base of another architecture");
  }
  return std::unique_ptr<Network>(new Network(model, options, kernels, team));
}

Linear Network::linear_of(const LinearWeights& weights) {
  const MatrixView& matrix = weights.weight;
  VALENCE_ASSERT(matrix.values.dtype == DType::kF32 && matrix.interleaved_head == 0, "a parameter set is plain f32");
  Linear linear;
  linear.place = kFirstLinearPlace + linears_made_++;
  LinearParameters& own = linear.own;
  own.in_features = matrix.columns();
  own.out_features = matrix.rows();
  own.turned = matrix.transposed;
  own.stride = matrix.values.shape[1];
  own.weight = floats(matrix.values) + (matrix.transposed ? matrix.first_row : 0);
  own.d_weight = model_.parameters.gradient_of(own.weight);
  if (weights.bias) {
    own.bias = floats(*weights.bias);
    own.d_bias = model_.parameters.gradient_of(own.bias);
  }
  return linear;
}

Norm Network::norm_of(const LayerNormWeights& weights) const {
  Norm norm;
  norm.weights = {floats(weights.weight), weights.bias ? floats(*weights.bias) : nullptr, spec_.layer_norm_eps,
                  spec_.norm_kind};
  norm.d_weight = model_.parameters.gradient_of(norm.weights.weight);
  if (weights.bias) norm.d_bias = model_.parameters.gradient_of(norm.weights.bias);
  return norm;
}

Layer Network::layer_of(const LayerWeights& weights) {
  const auto optional_norm = [&](const std::optional<LayerNormWeights>& of) {
    return of ? std::optional(norm_of(*of)) : std::nullopt;
  };
  Layer layer;
  layer.query = linear_of(weights.query);
  layer.key = linear_of(weights.key);
  layer.value = linear_of(weights.value);
  layer.attention_output = linear_of(weights.attention_output);
  layer.query_norm = optional_norm(weights.query_norm);
  layer.key_norm = optional_norm(weights.key_norm);
  layer.attention_norm = optional_norm(weights.attention_norm);
  if (weights.position_key) layer.position_key = linear_of(*weights.position_key);
  if (weights.position_query) layer.position_query = linear_of(*weights.position_query);
  if (weights.gate) layer.gate = linear_of(*weights.gate);
  layer.intermediate = linear_of(weights.intermediate);
  layer.output = linear_of(weights.output);
  layer.output_norm = norm_of(weights.output_norm);
  return layer;
}

/// The kernel as a linear layer: its inputs and places are one axis in memory.
Convolution Network::convolution_of(const ConvolutionWeights& weights) {
  Convolution convolution;
  LinearParameters& own = convolution.kernel.own;
  own.out_features = weights.weight.shape[0];
  own.in_features = weights.weight.shape[1] * weights.weight.shape[2];
  own.stride = own.in_features;
  own.weight = floats(weights.weight);
  own.d_weight = model_.parameters.gradient_of(own.weight);
  own.bias = floats(weights.bias);
  own.d_bias = model_.parameters.gradient_of(own.bias);
  convolution.norm = norm_of(weights.norm);
  return convolution;
}

ConvolutionPass::Step Network::convolution_step(const PackedBatch& batch, const DropoutStream* random) const {
  return {.batch = &batch, .dropout = dropout_.embeddings, .random = random, .place = kConvolutionPlace};
}

Network::Network(const BaseModel& model, const NetworkOptions& options, const kernels::KernelTable& kernels,
                 SpinTeam& team)
    : model_(model),
      spec_(model.spec.encoder),
      head_(model.spec.head),
      dropout_(options.dropout),
      kernels_(kernels),
      team_(team),
      pass_(model.spec.encoder, options, kernels, team) {
  const ModelWeights& weights = model.weights;
  if (weights.embeddings.norm) embedding_norm_ = norm_of(*weights.embeddings.norm);
  if (weights.embeddings.relative_norm) relative_norm_ = norm_of(*weights.embeddings.relative_norm);
  if (weights.embeddings.projection) projection_ = linear_of(*weights.embeddings.projection);
  if (weights.convolution) {
    convolution_ = convolution_of(*weights.convolution);
    convolution_pass_.emplace(spec_, convolution_, pass_.rows(), pass_.linear(), team);
  }
  std::map<const float*, Layer*> known;  // ALBERT runs the same parameters several times
  for (const LayerWeights& layer : weights.layers) {
    Layer*& run = known[floats(layer.output.weight.values)];
    if (run == nullptr) {
      layers_.push_back(std::make_unique<Layer>(layer_of(layer)));
      run = layers_.back().get();
    }
    runs_.push_back(run);
  }
  tapes_.resize(runs_.size());
  if (weights.final_norm) final_norm_ = norm_of(*weights.final_norm);
  if (weights.head_dense) head_dense_ = linear_of(*weights.head_dense);
  if (weights.head_norm) head_norm_ = norm_of(*weights.head_norm);
  classifier_ = linear_of(weights.classifier);
}

Queries Network::last_queries() const {
  if (head_.pooling == Pooling::kFirst) return Queries::kFirstOfEach;
  return head_.pooling == Pooling::kLast ? Queries::kLastOfEach : Queries::kAll;
}

/// Token types and positions as the tables want them.
PackedBatch Network::complete(const PackedBatch& given) {
  PackedBatch batch = given;
  if (spec_.type_vocab_size > 0 && batch.token_type_ids.empty()) {
    types_.assign(batch.input_ids.size(), 0);
    batch.token_type_ids = types_;
  }
  if (spec_.first_position > 0) {
    number_positions(given, spec_, positions_);
    batch.position_ids = positions_;
  }
  return batch;
}

/// Which row of the table each distance of this batch has, and the embeddings of those rows.
void Network::prepare_relative(const PackedBatch& batch) {
  const RelativePositions& relative = spec_.relative;
  if (relative.kind == RelativePositions::Kind::kNone) return;
  const MatrixView& table = *model_.weights.embeddings.relative;
  relative_.longest = batch.max_seqlen;
  relative_.rows.clear();
  for (std::int64_t distance = 1 - relative_.longest; distance < relative_.longest; ++distance) {
    relative_.rows.push_back(static_cast<std::int32_t>(relative_row(relative, distance)));
  }
  if (relative.kind == RelativePositions::Kind::kBias) {
    relative_.bias = floats(table.values);
    relative_.d_bias = model_.parameters.gradient_of(relative_.bias);
    return;
  }
  first_relative_row_ = relative_.rows.front();
  const std::int64_t rows = relative_.rows.back() - first_relative_row_ + 1;
  for (std::int32_t& row : relative_.rows) row -= static_cast<std::int32_t>(first_relative_row_);
  const std::int64_t hidden = spec_.hidden_size;
  const RowsView<const float> stored{floats(table.values) + first_relative_row_ * hidden, rows, hidden};
  relative_.states = stored;
  if (relative_norm_) {
    const auto normed = view(relative_states_, rows, hidden);
    pass_.rows().norm(stored, hidden, *relative_norm_, normed);
    relative_.states = normed;
  }
  relative_.d_states = view(d_relative_states_, rows, hidden);
  std::fill_n(relative_.d_states.data, rows * hidden, 0.0F);
}

void Network::relative_backward() {
  if (spec_.relative.kind != RelativePositions::Kind::kDisentangled) return;
  const MatrixView& table = *model_.weights.embeddings.relative;
  const std::int64_t hidden = spec_.hidden_size;
  const float* const stored = floats(table.values) + first_relative_row_ * hidden;
  const RowsView<float> gradient = relative_.d_states;
  if (relative_norm_)
    pass_.rows().norm_backward({stored, gradient.rows, hidden}, hidden, *relative_norm_, gradient, gradient);
  float* const d_table = model_.parameters.gradient_of(stored);
  if (d_table != nullptr) pass_.rows().add({d_table, gradient.rows, hidden}, gradient, hidden);
}

void Network::embed(const PackedBatch& batch, const DropoutStream* random, RowsView<float> out) {
  const EmbeddingWeights& weights = model_.weights.embeddings;
  const std::int64_t width = spec_.table_width();
  const std::int64_t tokens = batch.total_tokens();
  const auto table = [](const MatrixView& matrix) { return kernels::EmbeddingTable{.f32 = floats(matrix.values)}; };
  const auto sums = view(embedded_, tokens, width);
  for_row_blocks(team_, tokens, [&](std::int64_t first, std::int64_t rows) {
    const auto slice = [&](std::span<const std::int32_t> ids) { return ids.empty() ? nullptr : ids.data() + first; };
    kernels_.f32->embed({.word = table(weights.word),
                         .position = weights.position ? table(*weights.position) : kernels::EmbeddingTable(),
                         .token_type = weights.token_type ? table(*weights.token_type) : kernels::EmbeddingTable(),
                         .input_ids = slice(batch.input_ids),
                         .position_ids = slice(batch.position_ids),
                         .token_type_ids = slice(batch.token_type_ids),
                         .out = {sums.data + first * width, rows, width},
                         .width = width,
                         .norm = {},
                         .normalize = false});
  });
  const auto normed = projection_ ? view(normed_, tokens, width) : out;
  if (embedding_norm_) {
    pass_.rows().norm(sums, width, *embedding_norm_, normed);
    pass_.rows().drop(dropout_.embeddings, random, kEmbeddingsPlace, normed, width, normed);
  } else {
    pass_.rows().drop(dropout_.embeddings, random, kEmbeddingsPlace, sums, width, normed);
  }
  if (projection_) {
    pass_.linear().forward(normed, std::array{LinearPass::Call{&*projection_, &projection_tape_, out}}, random);
  }
}

void Network::embed_backward(const PackedBatch& batch, const DropoutStream* random, RowsView<float> d_states) {
  const EmbeddingWeights& weights = model_.weights.embeddings;
  const std::int64_t width = spec_.table_width();
  const std::int64_t tokens = batch.total_tokens();
  RowsView<float> gradient = d_states;
  if (projection_) {
    gradient = view(d_embedded_, tokens, width);
    pass_.linear().backward(read(normed_, tokens, width),
                            std::array{LinearPass::Gradient{&*projection_, &projection_tape_, d_states}}, gradient,
                            false, random);
  }
  pass_.rows().drop(dropout_.embeddings, random, kEmbeddingsPlace, gradient, width, gradient);
  if (embedding_norm_) {
    pass_.rows().norm_backward(read(embedded_, tokens, width), width, *embedding_norm_, gradient, gradient);
  }
  // Tokens in order, a share of the columns for each thread: the same sums whatever the number of threads.
  constexpr std::int64_t kColumns = 32;
  const auto add_to = [&](const MatrixView& table, std::span<const std::int32_t> ids) {
    float* const d_table = model_.parameters.gradient_of(floats(table.values));
    if (d_table == nullptr || ids.empty()) return;
    team_.parallel_for(static_cast<std::size_t>((width + kColumns - 1) / kColumns),
                       [&](std::size_t block, std::size_t) {
                         const std::int64_t first = static_cast<std::int64_t>(block) * kColumns;
                         const std::int64_t columns = std::min(kColumns, width - first);
                         for (std::int64_t t = 0; t < tokens; ++t) {
                           float* to = d_table + ids[static_cast<std::size_t>(t)] * width + first;
                           const float* from = gradient.data + t * gradient.stride + first;
                           for (std::int64_t c = 0; c < columns; ++c) to[c] += from[c];
                         }
                       });
  };
  add_to(weights.word, batch.input_ids);
  if (weights.position) add_to(*weights.position, batch.position_ids);
  if (weights.token_type) add_to(*weights.token_type, batch.token_type_ids);
}

/// What the head reads of each sequence: pooled_ [batch_size, hidden].
void Network::pool(const PackedBatch& batch, RowsView<const float> states) {
  const std::int64_t hidden = spec_.hidden_size;
  const auto pooled = view(pooled_, batch.batch_size(), hidden);
  for (std::int64_t i = 0; i < batch.batch_size(); ++i) {
    float* to = pooled.data + i * hidden;
    if (head_.pooling != Pooling::kMean) {  // the last layer gave one row a sequence
      std::copy_n(states.data + i * hidden, hidden, to);
      continue;
    }
    const std::int64_t begin = batch.cu_seqlens[static_cast<std::size_t>(i)];
    const std::int64_t end = batch.cu_seqlens[static_cast<std::size_t>(i) + 1];
    const float share = 1.0F / static_cast<float>(end - begin);
    std::fill_n(to, hidden, 0.0F);
    for (std::int64_t t = begin; t < end; ++t) {
      for (std::int64_t c = 0; c < hidden; ++c) to[c] += states.data[t * hidden + c];
    }
    for (std::int64_t c = 0; c < hidden; ++c) to[c] *= share;
  }
}

void Network::pool_backward(const PackedBatch& batch, RowsView<float> d_states) {
  const std::int64_t hidden = spec_.hidden_size;
  for (std::int64_t i = 0; i < batch.batch_size(); ++i) {
    const float* from = d_pooled_.data() + i * hidden;
    if (head_.pooling != Pooling::kMean) {
      std::copy_n(from, hidden, d_states.data + i * hidden);
      continue;
    }
    const std::int64_t begin = batch.cu_seqlens[static_cast<std::size_t>(i)];
    const std::int64_t end = batch.cu_seqlens[static_cast<std::size_t>(i) + 1];
    const float share = 1.0F / static_cast<float>(end - begin);
    for (std::int64_t t = begin; t < end; ++t) {
      for (std::int64_t c = 0; c < hidden; ++c) d_states.data[t * hidden + c] = from[c] * share;
    }
  }
}

void Network::head(const DropoutStream* random, std::int64_t rows, std::span<float> logits) {
  const std::int64_t hidden = spec_.hidden_size;
  RowsView<const float> states = read(pooled_, rows, hidden);
  if (head_dense_) {
    const auto input = view(pooled_dropped_, rows, hidden);
    pass_.rows().drop(dropout_.pooled, random, kPooledPlace, states, hidden, input);
    const auto dense = view(dense_, rows, hidden);
    pass_.linear().forward(input, std::array{LinearPass::Call{&*head_dense_, &dense_tape_, dense}}, random);
    const auto active = view(dense_active_, rows, hidden);
    pass_.rows().activate(head_.dense_act, dense, active);
    states = active;
    if (head_norm_) {
      const auto normed = view(dense_normed_, rows, hidden);
      pass_.rows().norm(active, hidden, *head_norm_, normed);
      states = normed;
    }
  }
  const auto input = view(classifier_input_, rows, hidden);
  pass_.rows().drop(dropout_.classifier, random, kClassifierPlace, states, hidden, input);
  const std::int64_t labels = head_.num_labels();
  pass_.linear().forward(
      input, std::array{LinearPass::Call{&classifier_, &classifier_tape_, {logits.data(), rows, labels}}}, random);
}

void Network::head_backward(const DropoutStream* random, std::int64_t rows, std::span<const float> d_logits) {
  const std::int64_t hidden = spec_.hidden_size;
  const auto gradient = view(d_pooled_, rows, hidden);
  pass_.linear().backward(
      read(classifier_input_, rows, hidden),
      std::array{LinearPass::Gradient{&classifier_, &classifier_tape_, {d_logits.data(), rows, head_.num_labels()}}},
      gradient, false, random);
  pass_.rows().drop(dropout_.classifier, random, kClassifierPlace, gradient, hidden, gradient);
  if (!head_dense_) return;
  if (head_norm_) {
    pass_.rows().norm_backward(read(dense_active_, rows, hidden), hidden, *head_norm_, gradient, gradient);
  }
  pass_.rows().activate_backward(head_.dense_act, read(dense_, rows, hidden), gradient);
  const auto d_input = view(d_b_, rows, hidden);
  pass_.linear().backward(read(pooled_dropped_, rows, hidden),
                          std::array{LinearPass::Gradient{&*head_dense_, &dense_tape_, gradient}}, d_input, false,
                          random);
  pass_.rows().drop(dropout_.pooled, random, kPooledPlace, d_input, hidden, gradient);
}

void Network::forward_head(std::span<const float> pooled, std::int64_t rows, const DropoutStream* random,
                           std::span<float> logits) {
  std::copy(pooled.begin(), pooled.end(), view(pooled_, rows, spec_.hidden_size).data);
  head(random, rows, logits);
}

void Network::backward_head(std::int64_t rows, const DropoutStream* random, std::span<const float> d_logits) {
  head_backward(random, rows, d_logits);
}

void Network::forward(const PackedBatch& batch, const DropoutStream* random, std::span<float> logits) {
  forward_encoder(batch, random);
  head(random, batch.batch_size(), logits);
}

void Network::backward(const PackedBatch& batch, const DropoutStream* random, std::span<const float> d_logits) {
  head_backward(random, batch.batch_size(), d_logits);
  backward_encoder(batch, random);
}

void Network::forward_pooled(const PackedBatch& batch, const DropoutStream* random, std::span<float> pooled) {
  forward_encoder(batch, random);
  std::copy_n(pooled_.data(), pooled.size(), pooled.begin());
}

void Network::backward_pooled(const PackedBatch& batch, const DropoutStream* random, std::span<const float> d_pooled) {
  std::copy(d_pooled.begin(), d_pooled.end(), view(d_pooled_, batch.batch_size(), spec_.hidden_size).data);
  backward_encoder(batch, random);
}

void Network::forward_encoder(const PackedBatch& given, const DropoutStream* random) {
  const PackedBatch batch = complete(given);
  const std::int64_t tokens = batch.total_tokens();
  const std::int64_t hidden = spec_.hidden_size;
  prepare_relative(batch);
  embed(batch, random, view(tapes_.front().input, tokens, hidden));
  const Queries last = last_queries();
  const std::int64_t last_rows = last == Queries::kAll ? tokens : batch.batch_size();
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    const bool is_last = i + 1 == runs_.size();
    const auto next = is_last ? view(final_states_, last_rows, hidden) : view(tapes_[i + 1].input, tokens, hidden);
    const bool convolves = i == 0 && convolution_pass_;  // a model with a convolution has a second layer
    const auto out = convolves ? view(before_convolution_, tokens, hidden) : next;
    pass_.forward({.layer = runs_[i],
                   .index = static_cast<std::int64_t>(i),
                   .batch = &batch,
                   .queries = is_last ? last : Queries::kAll,
                   .random = random,
                   .relative = spec_.relative.kind == RelativePositions::Kind::kNone ? nullptr : &relative_},
                  tapes_[i], out);
    if (convolves) {
      convolution_pass_->forward(convolution_step(batch, random), read(tapes_[0].input, tokens, hidden), out, next);
    }
  }
  RowsView<const float> states = read(final_states_, last_rows, hidden);
  if (final_norm_) {
    const auto normed = view(final_normed_, last_rows, hidden);
    pass_.rows().norm(states, hidden, *final_norm_, normed);
    states = normed;
  }
  pool(batch, states);
}

void Network::backward_encoder(const PackedBatch& given, const DropoutStream* random) {
  const PackedBatch batch = complete(given);
  const std::int64_t tokens = batch.total_tokens();
  const std::int64_t hidden = spec_.hidden_size;
  const Queries last = last_queries();
  const std::int64_t last_rows = last == Queries::kAll ? tokens : batch.batch_size();
  AlignedBuffer<float>* of_output = &d_a_;
  AlignedBuffer<float>* of_input = &d_b_;
  RowsView<float> gradient = view(*of_output, last_rows, hidden);
  pool_backward(batch, gradient);
  if (final_norm_)
    pass_.rows().norm_backward(read(final_states_, last_rows, hidden), hidden, *final_norm_, gradient, gradient);
  for (std::size_t i = runs_.size(); i-- > 0;) {
    const auto d_input = view(*of_input, tokens, hidden);
    const bool convolves = i == 0 && convolution_pass_;
    if (convolves) convolution_pass_->backward(convolution_step(batch, random), gradient);
    pass_.backward({.layer = runs_[i],
                    .index = static_cast<std::int64_t>(i),
                    .batch = &batch,
                    .queries = i + 1 == runs_.size() ? last : Queries::kAll,
                    .random = random,
                    .relative = spec_.relative.kind == RelativePositions::Kind::kNone ? nullptr : &relative_},
                   tapes_[i], gradient, d_input);
    if (convolves) convolution_pass_->add_to_embeddings(batch, d_input);
    gradient = d_input;
    std::swap(of_output, of_input);
  }
  relative_backward();
  // Nothing below learns where the tables are frozen (LoRA).
  embed_backward(batch, random, gradient);
}

std::vector<Network::NamedLinear> Network::linears() {
  std::vector<NamedLinear> named;
  const auto add = [&](Linear& linear) {
    const std::string& name = model_.parameters.owner_of(linear.own.weight).name;
    constexpr std::string_view kWeight = ".weight";
    named.push_back({name.substr(0, name.size() - kWeight.size()), &linear});
  };
  if (projection_) add(*projection_);
  for (const auto& layer : layers_) {
    for (Linear* linear :
         {&layer->query, &layer->key, &layer->value, &layer->attention_output, &layer->intermediate, &layer->output}) {
      add(*linear);
    }
    for (std::optional<Linear>* linear : {&layer->position_key, &layer->position_query, &layer->gate}) {
      if (*linear) add(**linear);
    }
  }
  if (head_dense_) add(*head_dense_);
  add(classifier_);
  return named;
}

}  // namespace valence::train
