#include "valence/model/cpu_backend.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "valence/base/check.h"
#include "valence/kernels/linear.h"
#include "valence/model/pack_layers.h"
#include "valence/model/stacked_linear.h"

namespace valence {
namespace {

using kernels::AttentionQueries;
using kernels::KernelTable;
using kernels::PackedLinear;
using kernels::RowsView;

// Rows of the feed-forward that run through both products before the next: at hidden 768 their intermediate states
// (128 x 3072 floats, 1.5 MB) are still in L2 when the second product reads them.
constexpr std::int64_t kFfnBlockRows = 128;

template <class T>
RowsView<T> rows_of(T* data, std::int64_t rows, std::int64_t width) {
  return {data, rows, width};
}

RowsView<const float> as_const(RowsView<float> view) { return {view.data, view.rows, view.stride}; }

/// kernels::linear on the clock.
void timed_linear(StageTimes* times, RowsView<const float> x, const PackedLinear& layer,
                  const kernels::LinearEpilogue& epilogue, RowsView<float> out) {
  const StageTimer timer(times, Stage::kGemm);
  kernels::linear(x, layer, epilogue, out);
}

/// Several linear layers over the same input as one product.
PackedLinear pack_stacked(const KernelTable& kernels, std::initializer_list<const LinearWeights*> parts) {
  const StackedLinear stacked(parts);
  return PackedLinear::pack(kernels, stacked.shape(), stacked.rows(), stacked.bias());
}

}  // namespace

CpuBackend::Layer CpuBackend::pack_layer(const LayerWeights& weights, bool one_row) const {
  const auto norm = [&](const LayerNormWeights& of) { return F32Norm::pack(of, spec_.encoder); };
  Layer layer;
  if (one_row) {
    layer.query = pack_stacked(*kernels_, {&weights.query});
    layer.key_value = pack_stacked(*kernels_, {&weights.key, &weights.value});
  } else {
    layer.qkv = pack_stacked(*kernels_, {&weights.query, &weights.key, &weights.value});
  }
  layer.attention_output = pack_stacked(*kernels_, {&weights.attention_output});
  if (weights.attention_norm) layer.attention_norm = norm(*weights.attention_norm);
  layer.intermediate = weights.gate ? pack_stacked(*kernels_, {&*weights.gate, &weights.intermediate})
                                    : pack_stacked(*kernels_, {&weights.intermediate});
  layer.output = pack_stacked(*kernels_, {&weights.output});
  layer.output_norm = norm(weights.output_norm);
  return layer;
}

Result<CpuBackend> CpuBackend::pack(const Model& model, const KernelTable& kernels, const PackOptions& options) {
  const ModelWeights& weights = model.weights;
  VALENCE_ASSERT(options.layers.size() == weights.layers.size(), "a choice for each layer");
  const auto pack_table = [&](const MatrixView& matrix) {
    return PackedTable::pack(matrix, options.tables, model.checkpoint);
  };
  const auto pack_norm = [&](const std::optional<LayerNormWeights>& norm) {
    return norm ? std::optional(F32Norm::pack(*norm, model.spec.encoder)) : std::nullopt;
  };
  CpuBackend backend(model.spec, kernels, EncoderAttention::make(model, kernels));
  backend.word_ = pack_table(weights.embeddings.word);
  if (weights.embeddings.position) backend.position_ = pack_table(*weights.embeddings.position);
  if (weights.embeddings.token_type) backend.token_type_ = pack_table(*weights.embeddings.token_type);
  backend.embedding_norm_ = pack_norm(weights.embeddings.norm);
  if (weights.embeddings.projection) {
    backend.embedding_projection_ = pack_stacked(kernels, {&*weights.embeddings.projection});
  }
  backend.layers_ =
      pack_layers<Layer>(model, options.layers, backend.last_rows(),
                         [&](const LayerWeights& layer, bool one_row) { return backend.pack_layer(layer, one_row); });
  backend.final_norm_ = pack_norm(weights.final_norm);
  if (weights.head_dense) backend.head_dense_ = pack_stacked(kernels, {&*weights.head_dense});
  backend.head_norm_ = pack_norm(weights.head_norm);
  backend.classifier_ = pack_stacked(kernels, {&weights.classifier});
  return backend;
}

OutputRows CpuBackend::last_rows() const {
  const Pooling pooling = spec_.head.pooling;
  return pooling == Pooling::kFirst || pooling == Pooling::kLast ? OutputRows::kOneOfEach : OutputRows::kAll;
}

AttentionQueries CpuBackend::chosen_queries() const {
  return spec_.head.pooling == Pooling::kLast ? AttentionQueries::kLastOfEach : AttentionQueries::kFirstOfEach;
}

void CpuBackend::embed(const PackedBatch& batch, Workspace& workspace) const {
  const StageTimer timer(workspace.stage_times, Stage::kEmbed);
  const EncoderSpec& encoder = spec_.encoder;
  const std::int64_t tokens = batch.total_tokens();
  const std::int64_t width = encoder.table_width();
  workspace.states.ensure(static_cast<std::size_t>(tokens * encoder.hidden_size));
  workspace.hidden = rows_of(workspace.states.data(), tokens, encoder.hidden_size);
  RowsView<float> embedded = workspace.hidden;
  if (embedding_projection_) {
    workspace.embedded.ensure(static_cast<std::size_t>(tokens * width));
    embedded = rows_of(workspace.embedded.data(), tokens, width);
  }
  kernels::embed_layer_norm(
      *kernels_,
      {.word = word_.view(),
       .position = position_.view(),
       .token_type = token_type_.view(),
       .width = width,
       .norm = embedding_norm_ ? embedding_norm_->view() : kernels::LayerNormWeights(),
       .normalize = embedding_norm_.has_value()},
      {.input_ids = batch.input_ids, .position_ids = batch.position_ids, .token_type_ids = batch.token_type_ids},
      embedded);
  if (embedding_projection_) kernels::linear(as_const(embedded), *embedding_projection_, {}, workspace.hidden);
}

/// What the layer's attention reads: the hidden states, or their norm.
RowsView<const float> CpuBackend::attention_input(const Layer& layer, Workspace& workspace) const {
  const auto states = as_const(workspace.hidden);
  if (spec_.encoder.norm_placement == NormPlacement::kPost || !layer.attention_norm) return states;
  const std::int64_t hidden = spec_.encoder.hidden_size;
  workspace.normed.ensure(static_cast<std::size_t>(states.rows * hidden));
  const auto normed = rows_of(workspace.normed.data(), states.rows, hidden);
  kernels::layer_norm(*kernels_, states, hidden, layer.attention_norm->view(), normed);
  return as_const(normed);
}

void CpuBackend::attention_block(std::int64_t index, const PackedBatch& batch, OutputRows rows,
                                 Workspace& workspace) const {
  const Layer& layer = *layers_[static_cast<std::size_t>(index)];
  const EncoderSpec& encoder = spec_.encoder;
  const std::int64_t hidden = encoder.hidden_size;
  const std::int64_t query_size = encoder.query_size();
  const std::int64_t kv_size = encoder.key_value_size();
  const std::int64_t tokens = batch.total_tokens();
  const auto input = attention_input(layer, workspace);
  EncoderAttention::Call call{.layer = index, .cu_seqlens = batch.cu_seqlens};
  const auto attend = [&] {
    const StageTimer timer(workspace.stage_times, Stage::kAttention);
    attention_.run(call, workspace.attention);
  };

  if (rows == OutputRows::kAll) {
    const std::int64_t width = query_size + 2 * kv_size;
    workspace.qkv.ensure(static_cast<std::size_t>(tokens * width));
    workspace.context.ensure(static_cast<std::size_t>(tokens * query_size));
    timed_linear(workspace.stage_times, input, layer.qkv, {}, rows_of(workspace.qkv.data(), tokens, width));
    call.q = workspace.qkv.data();
    call.k = call.q + query_size;
    call.v = call.k + kv_size;
    call.q_stride = call.kv_stride = width;
    call.out = rows_of(workspace.context.data(), tokens, query_size);
    attend();
    timed_linear(workspace.stage_times, as_const(call.out), layer.attention_output,
                 {.residual = as_const(workspace.hidden)}, workspace.hidden);
  } else {
    const std::int64_t sequences = batch.batch_size();
    gather_chosen_rows(batch, workspace.hidden, workspace.chosen_rows);
    const auto chosen = rows_of(workspace.chosen_rows.data(), sequences, hidden);
    RowsView<const float> chosen_input = as_const(chosen);
    if (input.data != workspace.hidden.data) {
      gather_chosen_rows(batch, input, workspace.intermediate);
      chosen_input = as_const(rows_of(workspace.intermediate.data(), sequences, hidden));
    }
    workspace.qkv.ensure(static_cast<std::size_t>(tokens * 2 * kv_size));
    workspace.queries.ensure(static_cast<std::size_t>(sequences * query_size));
    workspace.context.ensure(static_cast<std::size_t>(sequences * query_size));
    const auto queries = rows_of(workspace.queries.data(), sequences, query_size);
    timed_linear(workspace.stage_times, chosen_input, layer.query, {}, queries);
    timed_linear(workspace.stage_times, input, layer.key_value, {}, rows_of(workspace.qkv.data(), tokens, 2 * kv_size));
    call.q = queries.data;
    call.k = workspace.qkv.data();
    call.v = call.k + kv_size;
    call.q_stride = query_size;
    call.kv_stride = 2 * kv_size;
    call.queries = chosen_queries();
    call.out = rows_of(workspace.context.data(), sequences, query_size);
    attend();
    timed_linear(workspace.stage_times, as_const(call.out), layer.attention_output, {.residual = as_const(chosen)},
                 chosen);
    workspace.hidden = chosen;
  }
  if (encoder.norm_placement == NormPlacement::kPre) return;
  kernels::layer_norm(*kernels_, as_const(workspace.hidden), hidden, layer.attention_norm->view(), workspace.hidden);
}

void CpuBackend::gather_chosen_rows(const PackedBatch& batch, RowsView<const float> states,
                                    AlignedBuffer<float>& out) const {
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const bool last = spec_.head.pooling == Pooling::kLast;
  out.ensure(static_cast<std::size_t>(batch.batch_size() * hidden));
  for (std::int64_t i = 0; i < batch.batch_size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t token = last ? batch.cu_seqlens[at + 1] - 1 : batch.cu_seqlens[at];
    std::memcpy(out.data() + i * hidden, states.data + token * states.stride,
                static_cast<std::size_t>(hidden) * sizeof(float));
  }
}

void CpuBackend::ffn_block(std::int64_t index, Workspace& workspace) const {
  const Layer& layer = *layers_[static_cast<std::size_t>(index)];
  const EncoderSpec& encoder = spec_.encoder;
  const std::int64_t hidden = encoder.hidden_size;
  const std::int64_t width = encoder.intermediate_size;
  const std::int64_t product_width = encoder.gated ? 2 * width : width;
  const bool pre = encoder.norm_placement == NormPlacement::kPre;
  workspace.intermediate.ensure(static_cast<std::size_t>(kFfnBlockRows * product_width));
  if (pre) workspace.normed.ensure(static_cast<std::size_t>(kFfnBlockRows * hidden));
  for (std::int64_t begin = 0; begin < workspace.hidden.rows; begin += kFfnBlockRows) {
    const std::int64_t rows = std::min(kFfnBlockRows, workspace.hidden.rows - begin);
    const auto states = rows_of(workspace.hidden.data + begin * hidden, rows, hidden);
    auto input = as_const(states);
    if (pre) {
      const auto normed = rows_of(workspace.normed.data(), rows, hidden);
      kernels::layer_norm(*kernels_, input, hidden, layer.output_norm.view(), normed);
      input = as_const(normed);
    }
    const auto product = rows_of(workspace.intermediate.data(), rows, product_width);
    timed_linear(workspace.stage_times, input, layer.intermediate,
                 {.activation = encoder.gated ? Activation::kNone : encoder.hidden_act}, product);
    if (encoder.gated) {
      kernels::gate(*kernels_, {.x = product, .out = product, .width = width, .activation = encoder.hidden_act});
    }
    timed_linear(workspace.stage_times, as_const(product), layer.output, {.residual = as_const(states)}, states);
    if (!pre) kernels::layer_norm(*kernels_, as_const(states), hidden, layer.output_norm.view(), states);
  }
}

/// Leaves in workspace.hidden the rows that the head reads.
void CpuBackend::pool(const PackedBatch& batch, Workspace& workspace) const {
  const std::int64_t hidden = spec_.encoder.hidden_size;
  if (final_norm_) {
    kernels::layer_norm(*kernels_, as_const(workspace.hidden), hidden, final_norm_->view(), workspace.hidden);
  }
  if (spec_.head.pooling != Pooling::kMean) return;
  workspace.chosen_rows.ensure(static_cast<std::size_t>(batch.batch_size() * hidden));
  for (std::int64_t i = 0; i < batch.batch_size(); ++i) {
    float* mean = workspace.chosen_rows.data() + i * hidden;
    std::fill_n(mean, hidden, 0.0F);
    const std::int64_t begin = batch.cu_seqlens[static_cast<std::size_t>(i)];
    const std::int64_t end = batch.cu_seqlens[static_cast<std::size_t>(i) + 1];
    for (std::int64_t token = begin; token < end; ++token) {
      const float* row = workspace.hidden.data + token * hidden;
      for (std::int64_t c = 0; c < hidden; ++c) mean[c] += row[c];
    }
    for (std::int64_t c = 0; c < hidden; ++c) mean[c] /= static_cast<float>(end - begin);
  }
  workspace.hidden = rows_of(workspace.chosen_rows.data(), batch.batch_size(), hidden);
}

void CpuBackend::classify(const PackedBatch& batch, Workspace& workspace, std::span<float> logits) const {
  pool(batch, workspace);
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const std::int64_t rows = workspace.hidden.rows;
  auto states = workspace.hidden;
  if (head_dense_) {
    workspace.intermediate.ensure(static_cast<std::size_t>(rows * hidden));
    const auto dense = rows_of(workspace.intermediate.data(), rows, hidden);
    kernels::linear(as_const(states), *head_dense_, {.activation = spec_.head.dense_act}, dense);
    if (head_norm_) kernels::layer_norm(*kernels_, as_const(dense), hidden, head_norm_->view(), dense);
    states = dense;
  }
  VALENCE_ASSERT(logits.size() == static_cast<std::size_t>(rows * classifier_.out_features()),
                 "the runner sized the logits");
  kernels::linear(as_const(states), classifier_, {}, rows_of(logits.data(), rows, classifier_.out_features()));
}

}  // namespace valence
