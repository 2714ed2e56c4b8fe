#include "valence/model/cpu_backend.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "valence/base/check.h"
#include "valence/kernels/linear.h"
#include "valence/model/stacked_linear.h"

namespace valence {
namespace {

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

CpuBackend::Norm CpuBackend::pack_norm(const LayerNormWeights& weights) const {
  Norm norm{AlignedBuffer<float>(static_cast<std::size_t>(weights.weight.elements())),
            AlignedBuffer<float>(static_cast<std::size_t>(weights.bias.elements())), spec_.encoder.layer_norm_eps};
  copy_as_f32(weights.weight, norm.weight.span());
  copy_as_f32(weights.bias, norm.bias.span());
  return norm;
}

CpuBackend::Layer CpuBackend::pack_layer(const LayerWeights& weights, bool last) const {
  Layer layer;
  if (last) {
    layer.query = pack_stacked(*kernels_, {&weights.query});
    layer.key_value = pack_stacked(*kernels_, {&weights.key, &weights.value});
  } else {
    layer.qkv = pack_stacked(*kernels_, {&weights.query, &weights.key, &weights.value});
  }
  layer.attention_output = pack_stacked(*kernels_, {&weights.attention_output});
  layer.attention_norm = pack_norm(weights.attention_norm);
  layer.intermediate = pack_stacked(*kernels_, {&weights.intermediate});
  layer.output = pack_stacked(*kernels_, {&weights.output});
  layer.output_norm = pack_norm(weights.output_norm);
  return layer;
}

Result<CpuBackend> CpuBackend::pack(const Model& model, const KernelTable& kernels, const PackOptions& options) {
  const ModelWeights& weights = model.weights;
  VALENCE_ASSERT(options.layers.size() == weights.layers.size(), "a choice for each layer");
  const auto pack_table = [&](const MatrixView& matrix) {
    return PackedTable::pack(matrix, options.tables, model.checkpoint);
  };
  CpuBackend backend(model.spec, kernels);
  backend.word_ = pack_table(weights.embeddings.word);
  backend.position_ = pack_table(weights.embeddings.position);
  if (weights.embeddings.token_type) backend.token_type_ = pack_table(*weights.embeddings.token_type);
  backend.embedding_norm_ = backend.pack_norm(weights.embeddings.norm);
  for (std::size_t i = 0; i < options.layers.size(); ++i) {
    const LayerWeights& layer = weights.layers[i];
    backend.layers_.push_back(options.layers[i] ? backend.pack_layer(layer, i + 1 == weights.layers.size()) : Layer());
    if (!options.layers[i]) continue;
    for (const LinearWeights* linear : linear_weights(layer)) model.checkpoint.release(linear->weight.values);
  }
  backend.head_dense_ = pack_stacked(kernels, {&weights.head_dense});
  backend.classifier_ = pack_stacked(kernels, {&weights.classifier});
  return backend;
}

kernels::AttentionShape CpuBackend::attention_shape() const {
  return {.num_heads = spec_.encoder.num_attention_heads, .head_dim = spec_.encoder.head_size()};
}

void CpuBackend::embed(const PackedBatch& batch, Workspace& workspace) const {
  const StageTimer timer(workspace.stage_times, Stage::kEmbed);
  const std::int64_t hidden = spec_.encoder.hidden_size;
  workspace.states.ensure(static_cast<std::size_t>(batch.total_tokens() * hidden));
  workspace.hidden = rows_of(workspace.states.data(), batch.total_tokens(), hidden);
  kernels::embed_layer_norm(
      *kernels_,
      {.word = word_.view(),
       .position = position_.view(),
       .token_type = token_type_.view(),
       .width = hidden,
       .norm = embedding_norm_.view()},
      {.input_ids = batch.input_ids, .position_ids = batch.position_ids, .token_type_ids = batch.token_type_ids},
      workspace.hidden);
}

void CpuBackend::attention_block(std::int64_t index, const PackedBatch& batch, OutputRows rows,
                                 Workspace& workspace) const {
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const std::int64_t tokens = batch.total_tokens();
  const auto shape = attention_shape();
  const auto hidden_states = as_const(workspace.hidden);
  workspace.qkv.ensure(static_cast<std::size_t>(tokens * 3 * hidden));
  workspace.scratch.ensure(
      static_cast<std::size_t>(kernels::self_attention_scratch_floats(*kernels_, shape, batch.max_seqlen)));
  const auto timed_attention = [&](const kernels::QkvView& qkv, kernels::AttentionQueries queries,
                                   RowsView<float> context) {
    const StageTimer timer(workspace.stage_times, Stage::kAttention);
    kernels::self_attention(*kernels_, shape, qkv, batch.cu_seqlens, queries, workspace.scratch.span(), context);
  };

  if (rows == OutputRows::kAll) {
    workspace.context.ensure(static_cast<std::size_t>(tokens * hidden));
    const auto context = rows_of(workspace.context.data(), tokens, hidden);
    timed_linear(workspace.stage_times, hidden_states, layer.qkv, {},
                 rows_of(workspace.qkv.data(), tokens, 3 * hidden));
    timed_attention(kernels::packed_qkv(workspace.qkv.data(), shape), kernels::AttentionQueries::kAll, context);
    timed_linear(workspace.stage_times, as_const(context), layer.attention_output, {.residual = hidden_states},
                 workspace.hidden);
  } else {
    const std::int64_t sequences = batch.batch_size();
    const auto size = static_cast<std::size_t>(sequences * hidden);
    gather_first_rows(batch, workspace);
    workspace.queries.ensure(size);
    workspace.context.ensure(size);
    const auto first = rows_of(workspace.first_rows.data(), sequences, hidden);
    const auto queries = rows_of(workspace.queries.data(), sequences, hidden);
    const auto context = rows_of(workspace.context.data(), sequences, hidden);
    timed_linear(workspace.stage_times, as_const(first), layer.query, {}, queries);
    timed_linear(workspace.stage_times, hidden_states, layer.key_value, {},
                 rows_of(workspace.qkv.data(), tokens, 2 * hidden));
    timed_attention({.q = queries.data,
                     .k = workspace.qkv.data(),
                     .v = workspace.qkv.data() + hidden,
                     .q_stride = hidden,
                     .kv_stride = 2 * hidden},
                    kernels::AttentionQueries::kFirstOfEach, context);
    timed_linear(workspace.stage_times, as_const(context), layer.attention_output, {.residual = as_const(first)},
                 first);
    workspace.hidden = first;
  }
  kernels::layer_norm(*kernels_, as_const(workspace.hidden), hidden, layer.attention_norm.view(), workspace.hidden);
}

void CpuBackend::gather_first_rows(const PackedBatch& batch, Workspace& workspace) const {
  const std::int64_t hidden = spec_.encoder.hidden_size;
  workspace.first_rows.ensure(static_cast<std::size_t>(batch.batch_size() * hidden));
  for (std::int64_t i = 0; i < batch.batch_size(); ++i) {
    std::memcpy(workspace.first_rows.data() + i * hidden,
                workspace.hidden.data + batch.cu_seqlens[static_cast<std::size_t>(i)] * hidden,
                static_cast<std::size_t>(hidden) * sizeof(float));
  }
}

void CpuBackend::ffn_block(std::int64_t index, Workspace& workspace) const {
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const std::int64_t width = spec_.encoder.intermediate_size;
  workspace.intermediate.ensure(static_cast<std::size_t>(kFfnBlockRows * width));
  for (std::int64_t begin = 0; begin < workspace.hidden.rows; begin += kFfnBlockRows) {
    const std::int64_t rows = std::min(kFfnBlockRows, workspace.hidden.rows - begin);
    const auto states = rows_of(workspace.hidden.data + begin * hidden, rows, hidden);
    const auto intermediate = rows_of(workspace.intermediate.data(), rows, width);
    timed_linear(workspace.stage_times, as_const(states), layer.intermediate, {.activation = spec_.encoder.hidden_act},
                 intermediate);
    timed_linear(workspace.stage_times, as_const(intermediate), layer.output, {.residual = as_const(states)}, states);
    kernels::layer_norm(*kernels_, as_const(states), hidden, layer.output_norm.view(), states);
  }
}

void CpuBackend::classify(Workspace& workspace, std::span<float> logits) const {
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const std::int64_t sequences = workspace.hidden.rows;
  workspace.intermediate.ensure(static_cast<std::size_t>(sequences * hidden));
  const auto dense = rows_of(workspace.intermediate.data(), sequences, hidden);
  kernels::linear(as_const(workspace.hidden), head_dense_, {.activation = spec_.head.dense_act}, dense);
  VALENCE_ASSERT(logits.size() == static_cast<std::size_t>(sequences * classifier_.out_features()),
                 "the runner sized the logits");
  kernels::linear(as_const(dense), classifier_, {}, rows_of(logits.data(), sequences, classifier_.out_features()));
}

}  // namespace valence
