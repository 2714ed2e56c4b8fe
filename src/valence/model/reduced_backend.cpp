#include "valence/model/reduced_backend.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "valence/base/check.h"
#include "valence/model/pack_layers.h"
#include "valence/model/stacked_linear.h"

namespace valence {
namespace {

using kernels::Operand;
using kernels::PackedWeights;
using kernels::Staging;
using kernels::StagingLayout;

std::int64_t round_up(std::int64_t value, std::int64_t step) { return (value + step - 1) / step * step; }

void timed_product(const kernels::EncoderKernels& kernels, ReducedBackend::Workspace& workspace,
                   const kernels::ProductCall& call) {
  const StageTimer timer(workspace.f32.stage_times, Stage::kGemm);
  kernels.product(call);
}

void timed_attention(const kernels::EncoderKernels& kernels, ReducedBackend::Workspace& workspace,
                     const kernels::StagedAttentionCall& call) {
  const StageTimer timer(workspace.f32.stage_times, Stage::kAttention);
  kernels.attention(call);
}

}  // namespace

ReducedBackend::Layer ReducedBackend::pack_layer(const LayerWeights& weights, bool one_row) const {
  const auto pack = [this](std::initializer_list<const LinearWeights*> parts) {
    const StackedLinear stacked(parts);
    return PackedWeights::pack(
        *kernels_,
        {.shape = stacked.shape(), .rows = stacked.rows(), .scales = stacked.scales(), .bias = stacked.bias()});
  };
  Layer layer;
  if (one_row) {
    layer.query = pack({&weights.query});
    layer.key_value = pack({&weights.key, &weights.value});
  } else {
    layer.qkv = pack({&weights.query, &weights.key, &weights.value});
  }
  layer.attention_output = pack({&weights.attention_output});
  if (weights.attention_norm) layer.attention_norm = F32Norm::pack(*weights.attention_norm, spec_.encoder);
  layer.intermediate = weights.gate ? pack({&*weights.gate, &weights.intermediate}) : pack({&weights.intermediate});
  layer.output = pack({&weights.output});
  layer.output_norm = F32Norm::pack(weights.output_norm, spec_.encoder);
  return layer;
}

Result<ReducedBackend> ReducedBackend::pack(const Model& model, const kernels::KernelTable& table,
                                            const kernels::EncoderKernels& kernels,
                                            const CpuBackend::PackOptions& options) {
  const std::vector<bool>& reduced = options.layers;
  CpuBackend::PackOptions rest = options;
  rest.layers.flip();
  VALENCE_TRY(CpuBackend f32, CpuBackend::pack(model, table, rest));
  ReducedBackend backend(std::move(f32), model.spec, kernels);
  backend.layers_ =
      pack_layers<Layer>(model, reduced, backend.last_rows(),
                         [&](const LayerWeights& layer, bool one_row) { return backend.pack_layer(layer, one_row); });
  return backend;
}

Staging ReducedBackend::staging(AlignedBuffer<std::byte>& buffer, std::int64_t rows, std::int64_t width,
                                StagingLayout layout) const {
  const std::int64_t stride = kernels::staging_stride(*kernels_, width);
  buffer.ensure(static_cast<std::size_t>(rows * stride * kernels_->staging_element_bytes));
  return {buffer.data(), stride, layout};
}

Operand ReducedBackend::operand(OperandBuffer& buffer, std::int64_t rows, std::int64_t width) const {
  const std::int64_t capacity = round_up(rows, kernels_->row_granularity);
  buffer.values.ensure(static_cast<std::size_t>(kernels_->operand_bytes(capacity, width)));
  buffer.scales.ensure(static_cast<std::size_t>(capacity));
  buffer.sums.ensure(static_cast<std::size_t>(capacity));
  return {buffer.values.data(), buffer.scales.data(), buffer.sums.data()};
}

/// The norm between the hidden states and what the layer's products read; null: they read them as they are.
const F32Norm* ReducedBackend::norm_before_attention(const Layer& layer) const {
  const bool pre = spec_.encoder.norm_placement == NormPlacement::kPre;
  return pre && layer.attention_norm ? &*layer.attention_norm : nullptr;
}

/// workspace.operand = the hidden states, or their norm.
void ReducedBackend::make_operand_current(const F32Norm* norm, Workspace& workspace) const {
  if (workspace.operand_is_current) return;
  const std::int64_t hidden = spec_.encoder.hidden_size;
  kernels::RowsView<const float> rows = workspace.f32.hidden;
  if (norm != nullptr) {
    workspace.f32.normed.ensure(static_cast<std::size_t>(rows.rows * hidden));
    const kernels::RowsView<float> normed{workspace.f32.normed.data(), rows.rows, hidden};
    kernels::layer_norm(f32_.kernels(), rows, hidden, norm->view(), normed);
    rows = normed;
  }
  kernels_->quantize({.f32 = rows,
                      .staging = {},
                      .width = hidden,
                      .out = operand(workspace.operand, rows.rows, hidden),
                      .first_row = 0,
                      .rows = rows.rows});
  workspace.operand_is_current = true;
}

void ReducedBackend::embed(const PackedBatch& batch, Workspace& workspace) const {
  kernels_->prepare_thread();
  f32_.embed(batch, workspace.f32);
  workspace.operand_is_current = false;
}

/// Staged rows as f32 ones: the staging itself where it is that, else a copy.
kernels::RowsView<float> ReducedBackend::f32_rows(const Staging& staged, std::int64_t rows, std::int64_t width,
                                                  AlignedBuffer<float>& copy) const {
  if (kernels_->staging_element_bytes == sizeof(float) && staged.layout == StagingLayout::kRows) {
    return {reinterpret_cast<float*>(staged.data), rows, staged.stride};
  }
  copy.ensure(static_cast<std::size_t>(rows * width));
  const kernels::RowsView<float> converted{copy.data(), rows, width};
  kernels_->to_f32(staged, converted, width);
  return converted;
}

/// hidden rows [hidden_row, hidden_row + rows) += addend.
void ReducedBackend::add_residual(const Staging& addend, std::int64_t rows, std::int64_t hidden_row,
                                  Workspace& workspace) const {
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const auto& states = workspace.f32.hidden;
  kernels::add_rows(f32_.kernels(), {states.data + hidden_row * states.stride, rows, states.stride},
                    f32_rows(addend, rows, hidden, workspace.rows), hidden);
}

/// Adds x W^T + bias to hidden rows [hidden_row, hidden_row + rows), x being rows from `first_row` on; then, post-norm,
/// normalises the sum in place; and makes the operand of the same rows for what reads them next, post-norm of the sum,
/// pre-norm of its `norm`. Null: nobody reads them so.
void ReducedBackend::add_product(const PackedWeights& weights, const Operand& x, std::int64_t first_row,
                                 std::int64_t rows, std::int64_t hidden_row, const F32Norm* norm,
                                 Workspace& workspace) const {
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const Staging sum =
      staging(workspace.product, round_up(rows, kernels_->row_granularity), hidden, kernels_->staging_layout);
  timed_product(*kernels_, workspace,
                {.weights = weights.view(),
                 .x = x,
                 .first_row = first_row,
                 .rows = rows,
                 .first_panel = 0,
                 .panels = weights.panels(),
                 .out = sum});
  if (norm == nullptr) return add_residual(sum, rows, hidden_row, workspace);
  const auto& states = workspace.f32.hidden;
  kernels::AddNormCall call{.hidden = {states.data + hidden_row * states.stride, rows, states.stride},
                            .addend = sum,
                            .width = hidden,
                            .norm = norm->view(),
                            .out = operand(workspace.operand, states.rows, hidden),
                            .first_row = hidden_row};
  if (spec_.encoder.norm_placement == NormPlacement::kPre) {
    workspace.f32.normed.ensure(static_cast<std::size_t>(kernels::kNormRows * hidden));
    call.normed = workspace.f32.normed.data();
  }
  kernels_->add_norm(call);
}

/// The offsets of a chunk's sequences, from 0.
void ReducedBackend::set_chunk_offsets(const Projections& projections, const PackedBatch& batch,
                                       std::vector<std::int32_t>& cu_seqlens) {
  cu_seqlens.clear();
  for (std::int64_t i = 0; i <= projections.sequences; ++i) {
    cu_seqlens.push_back(batch.cu_seqlens[static_cast<std::size_t>(projections.first_sequence + i)] -
                         static_cast<std::int32_t>(projections.first_token));
  }
}

/// Attention in this precision: rows of `context` from staged projections.
void ReducedBackend::attend_staged(std::int64_t index, const Projections& projections, const PackedBatch& batch,
                                   Operand context, Workspace& workspace) const {
  const EncoderSpec& encoder = spec_.encoder;
  const std::int64_t query_size = encoder.query_size();
  const std::int64_t head_dim = encoder.head_size();
  const std::int64_t rows = projections.all ? projections.tokens : projections.sequences;
  const auto queries = projections.all ? kernels::AttentionQueries::kAll : f32_.chosen_queries();
  const Staging attended =
      staging(workspace.attended, round_up(rows, kernels_->row_granularity), query_size, kernels_->staging_layout);
  workspace.scratch.ensure(static_cast<std::size_t>(kernels_->attention_scratch_bytes(batch.max_seqlen, head_dim)));
  kernels::AttentionPattern pattern;
  if (!encoder.has_plain_attention()) {
    const StageTimer timer(workspace.f32.stage_times, Stage::kAttention);
    set_chunk_offsets(projections, batch, workspace.cu_seqlens);
    f32_.attention().prepare_staged(*kernels_,
                                    {.layer = index,
                                     .q = projections.q,
                                     .k = projections.k,
                                     .cu_seqlens = workspace.cu_seqlens,
                                     .queries = queries},
                                    workspace.f32.attention);
    pattern = f32_.attention().pattern(index);
    workspace.position_scratch.ensure(
        static_cast<std::size_t>(kernels_->position_scratch_bytes(pattern, batch.max_seqlen, head_dim)));
  }
  timed_attention(*kernels_, workspace,
                  {.q = projections.q,
                   .k = projections.k,
                   .v = projections.v,
                   .out = attended,
                   .cu_seqlens = batch.cu_seqlens.data(),
                   .first_sequence = projections.first_sequence,
                   .sequences = projections.sequences,
                   .first_token = projections.first_token,
                   .first_head = 0,
                   .heads = encoder.num_attention_heads,
                   .head_dim = head_dim,
                   .scale = f32_.attention().scale(),
                   .queries = queries,
                   .pattern = pattern,
                   .group = encoder.num_attention_heads / encoder.key_value_heads(),
                   .scratch = workspace.scratch.data(),
                   .position_scratch = workspace.position_scratch.data()});
  kernels_->quantize({.f32 = {},
                      .staging = attended,
                      .width = query_size,
                      .out = context,
                      .first_row = projections.all ? projections.first_token : projections.first_sequence,
                      .rows = rows});
}

/// The same in f32, of a model that asks for more than the kernels do.
void ReducedBackend::attend_in_f32(std::int64_t index, const Projections& projections, const PackedBatch& batch,
                                   Operand context, Workspace& workspace) const {
  const StageTimer timer(workspace.f32.stage_times, Stage::kAttention);
  const EncoderSpec& encoder = spec_.encoder;
  const std::int64_t query_size = encoder.query_size();
  const std::int64_t kv_size = encoder.key_value_size();
  const std::int64_t rows = projections.all ? projections.tokens : projections.sequences;
  set_chunk_offsets(projections, batch, workspace.cu_seqlens);
  EncoderAttention::Call call{.layer = index, .cu_seqlens = workspace.cu_seqlens};
  // q|k|v, or k|v, of a token lie side by side.
  const std::int64_t beside = (projections.all ? query_size : 0) + 2 * kv_size;
  const auto side =
      f32_rows(projections.all ? projections.q : projections.k, projections.tokens, beside, workspace.rows);
  call.k = side.data + (projections.all ? query_size : 0);
  call.v = call.k + kv_size;
  call.kv_stride = side.stride;
  if (projections.all) {
    call.q = side.data;
    call.q_stride = side.stride;
  } else {
    const auto queries = f32_rows(projections.q, rows, query_size, workspace.f32.queries);
    call.q = queries.data;
    call.q_stride = queries.stride;
    call.queries = f32_.chosen_queries();
  }
  workspace.f32.context.ensure(static_cast<std::size_t>(rows * query_size));
  call.out = {workspace.f32.context.data(), rows, query_size};
  f32_.attention().run(call, workspace.f32.attention);
  kernels_->quantize({.f32 = call.out,
                      .staging = {},
                      .width = query_size,
                      .out = context,
                      .first_row = projections.all ? projections.first_token : projections.first_sequence,
                      .rows = rows});
}

/// Fills workspace.context, the operand of the attention's output. Projections are staged for as many sequences at a
/// time as fit in the cache; their attention follows while they are there.
void ReducedBackend::attend(std::int64_t index, const Layer& layer, const PackedBatch& batch, OutputRows rows,
                            Workspace& workspace) const {
  const EncoderSpec& encoder = spec_.encoder;
  const std::int64_t hidden = encoder.hidden_size;
  const std::int64_t query_size = encoder.query_size();
  const std::int64_t kv_size = encoder.key_value_size();
  const std::int64_t tokens = batch.total_tokens();
  const std::int64_t sequences = batch.batch_size();
  const std::int64_t step = kernels_->row_granularity;
  const std::int64_t element = kernels_->staging_element_bytes;
  const bool all = rows == OutputRows::kAll;
  const std::int64_t before_keys = all ? query_size : 0;
  const std::int64_t width = before_keys + 2 * kv_size;
  const std::int64_t target = kernels::chunk_rows(*kernels_, width);
  const PackedWeights& weights = all ? layer.qkv : layer.key_value;
  const Operand x = operand(workspace.operand, tokens, hidden);
  const Operand context = operand(workspace.context, all ? tokens : sequences, query_size);
  // A chunk ends with a sequence: at most a target and a sequence long, and a step to be aligned.
  const std::int64_t most = round_up(std::min(tokens, target + batch.max_seqlen), step) + step;
  const Staging projected = staging(workspace.projected, most, width, StagingLayout::kRows);

  Staging queries;
  if (!all) {
    // The query projection of chosen tokens only, from an operand of those rows.
    const Operand chosen = operand(workspace.wide, sequences, hidden);
    kernels_->quantize({.f32 = chosen_inputs(layer, sequences, workspace),
                        .staging = {},
                        .width = hidden,
                        .out = chosen,
                        .first_row = 0,
                        .rows = sequences});
    queries = staging(workspace.queries, round_up(sequences, step), query_size, StagingLayout::kRows);
    timed_product(*kernels_, workspace,
                  {.weights = layer.query.view(),
                   .x = chosen,
                   .first_row = 0,
                   .rows = sequences,
                   .first_panel = 0,
                   .panels = layer.query.panels(),
                   .out = queries});
  }

  std::int64_t computed = 0;  // rows projected so far, a multiple of `step` until the end
  for (std::int64_t first = 0; first < sequences;) {
    const std::int64_t begin = batch.cu_seqlens[static_cast<std::size_t>(first)];
    std::int64_t last = first + 1;
    while (last < sequences && batch.cu_seqlens[static_cast<std::size_t>(last + 1)] - begin <= target) ++last;
    const std::int64_t end = batch.cu_seqlens[static_cast<std::size_t>(last)];
    const std::int64_t aligned_end = std::min(tokens, round_up(end, step));
    if (aligned_end > computed) {
      const Staging out{projected.data + (computed - begin) * projected.stride * element, projected.stride};
      timed_product(*kernels_, workspace,
                    {.weights = weights.view(),
                     .x = x,
                     .first_row = computed,
                     .rows = aligned_end - computed,
                     .first_panel = 0,
                     .panels = weights.panels(),
                     .out = out});
    }
    const auto from_column = [&](std::int64_t column) {
      return Staging{projected.data + column * element, projected.stride};
    };
    Projections chunk{.q = all ? from_column(0) : queries,
                      .k = from_column(before_keys),
                      .v = from_column(before_keys + kv_size),
                      .first_sequence = first,
                      .sequences = last - first,
                      .first_token = begin,
                      .tokens = end - begin,
                      .all = all};
    if (!all) chunk.q.data += first * queries.stride * element;
    if (f32_.attention().runs_staged(*kernels_)) {
      attend_staged(index, chunk, batch, context, workspace);
    } else {
      attend_in_f32(index, chunk, batch, context, workspace);
    }
    // Rows of the next sequence that were projected for alignment's sake.
    if (aligned_end > end) {
      std::memmove(projected.data, projected.data + (end - begin) * projected.stride * element,
                   static_cast<std::size_t>((aligned_end - end) * projected.stride * element));
    }
    computed = std::max(computed, aligned_end);
    first = last;
  }
}

/// What the query projection of one row a sequence reads: those rows of the hidden states, or of their norm.
kernels::RowsView<const float> ReducedBackend::chosen_inputs(const Layer& layer, std::int64_t sequences,
                                                             Workspace& workspace) const {
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const kernels::RowsView<const float> rows{workspace.f32.chosen_rows.data(), sequences, hidden};
  const F32Norm* norm = norm_before_attention(layer);
  if (norm == nullptr) return rows;
  workspace.f32.normed.ensure(static_cast<std::size_t>(sequences * hidden));
  const kernels::RowsView<float> normed{workspace.f32.normed.data(), sequences, hidden};
  kernels::layer_norm(f32_.kernels(), rows, hidden, norm->view(), normed);
  return normed;
}

void ReducedBackend::attention_block(std::int64_t index, const PackedBatch& batch, OutputRows rows,
                                     Workspace& workspace) const {
  const Layer* const layer = layers_[static_cast<std::size_t>(index)].get();
  if (layer == nullptr) {
    f32_.attention_block(index, batch, rows, workspace.f32);
    workspace.operand_is_current = false;
    return;
  }
  make_operand_current(norm_before_attention(*layer), workspace);
  const EncoderSpec& encoder = spec_.encoder;
  const bool all = rows == OutputRows::kAll;
  if (!all) f32_.gather_chosen_rows(batch, workspace.f32.hidden, workspace.f32.chosen_rows);
  attend(index, *layer, batch, rows, workspace);
  if (!all) workspace.f32.hidden = {workspace.f32.chosen_rows.data(), batch.batch_size(), encoder.hidden_size};
  const std::int64_t states = workspace.f32.hidden.rows;
  const Operand context = operand(workspace.context, states, encoder.query_size());
  const F32Norm* const norm =
      encoder.norm_placement == NormPlacement::kPost ? &*layer->attention_norm : &layer->output_norm;
  const std::int64_t step = kernels::chunk_rows(*kernels_, encoder.hidden_size);
  for (std::int64_t begin = 0; begin < states; begin += step) {
    add_product(layer->attention_output, context, begin, std::min(step, states - begin), begin, norm, workspace);
  }
}

/// The norm that follows the layer's feed-forward: its own, or pre-norm the next layer's. Null: none of this backend.
const F32Norm* ReducedBackend::norm_after_ffn(std::int64_t index) const {
  const Layer& layer = *layers_[static_cast<std::size_t>(index)];
  if (spec_.encoder.norm_placement == NormPlacement::kPost) return &layer.output_norm;
  const auto next = static_cast<std::size_t>(index) + 1;
  return next < layers_.size() && layers_[next] ? norm_before_attention(*layers_[next]) : nullptr;
}

void ReducedBackend::ffn_block(std::int64_t index, Workspace& workspace) const {
  const Layer* const layer = layers_[static_cast<std::size_t>(index)].get();
  const EncoderSpec& encoder = spec_.encoder;
  if (layer == nullptr) {
    f32_.ffn_block(index, workspace.f32);
    workspace.operand_is_current = false;
    return;
  }
  const bool pre = encoder.norm_placement == NormPlacement::kPre;
  const std::int64_t hidden = encoder.hidden_size;
  const std::int64_t width = encoder.intermediate_size;
  const std::int64_t product_width = encoder.gated ? 2 * width : width;
  const std::int64_t states = workspace.f32.hidden.rows;
  const std::int64_t step = kernels::chunk_rows(*kernels_, product_width);
  const bool gate_fused = encoder.gated && kernels_->gate != nullptr && width % kernels::kGateColumns == 0;
  const F32Norm* const norm = norm_after_ffn(index);
  const Operand x = operand(workspace.operand, states, hidden);
  for (std::int64_t begin = 0; begin < states; begin += step) {
    const std::int64_t rows = std::min(step, states - begin);
    const Staging staged = staging(workspace.projected, round_up(rows, kernels_->row_granularity), product_width,
                                   encoder.gated && !gate_fused ? StagingLayout::kRows : kernels_->staging_layout);
    const Operand wide = operand(workspace.wide, rows, width);
    timed_product(*kernels_, workspace,
                  {.weights = layer->intermediate.view(),
                   .x = x,
                   .first_row = begin,
                   .rows = rows,
                   .first_panel = 0,
                   .panels = layer->intermediate.panels(),
                   .out = staged,
                   .activation = encoder.gated ? kernels::Activation::kNone : encoder.hidden_act});
    if (gate_fused) {
      workspace.rows.ensure(static_cast<std::size_t>(width));
      kernels_->gate({.x = staged,
                      .width = width,
                      .activation = encoder.hidden_act,
                      .out = wide,
                      .first_row = 0,
                      .rows = rows,
                      .row = workspace.rows.data()});
    } else if (encoder.gated) {
      const auto both = f32_rows(staged, rows, product_width, workspace.rows);
      kernels::gate(f32_.kernels(), {.x = both, .out = both, .width = width, .activation = encoder.hidden_act});
      kernels_->quantize({.f32 = both, .staging = {}, .width = width, .out = wide, .first_row = 0, .rows = rows});
    } else {
      kernels_->quantize({.f32 = {}, .staging = staged, .width = width, .out = wide, .first_row = 0, .rows = rows});
    }
    add_product(layer->output, wide, 0, rows, begin, norm, workspace);
  }
  if (pre) workspace.operand_is_current = norm != nullptr;
}

void ReducedBackend::convolve(const PackedBatch& batch, Workspace& workspace) const {
  f32_.convolve(batch, workspace.f32);
  workspace.operand_is_current = false;
}

void ReducedBackend::classify(const PackedBatch& batch, Workspace& workspace, std::span<float> logits) const {
  f32_.classify(batch, workspace.f32, logits);
}

bool ReducedBackend::works_in_teams() const {
  const EncoderSpec& encoder = spec_.encoder;
  return encoder.has_plain_attention() && encoder.norm_placement == NormPlacement::kPost && !encoder.gated &&
         !has_convolution() && last_rows() == OutputRows::kOneOfEach;
}

}  // namespace valence
