#include "valence/model/reduced_backend.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "valence/base/check.h"
#include "valence/model/stacked_linear.h"

namespace valence {
namespace {

using kernels::Operand;
using kernels::PackedWeights;
using kernels::Staging;
using kernels::StagingLayout;

// Rows a chunk has at least, whatever its width: products over fewer are bound by reading the weights.
constexpr std::int64_t kLeastChunkRows = 32;

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

ReducedBackend::Layer ReducedBackend::pack_layer(const LayerWeights& weights, bool last) const {
  const auto pack = [this](std::initializer_list<const LinearWeights*> parts) {
    const StackedLinear stacked(parts);
    return PackedWeights::pack(
        *kernels_,
        {.shape = stacked.shape(), .rows = stacked.rows(), .scales = stacked.scales(), .bias = stacked.bias()});
  };
  Layer layer;
  layer.reduced = true;
  if (last) {
    layer.query = pack({&weights.query});
    layer.key_value = pack({&weights.key, &weights.value});
  } else {
    layer.qkv = pack({&weights.query, &weights.key, &weights.value});
  }
  layer.attention_output = pack({&weights.attention_output});
  layer.attention_norm = f32_.pack_norm(weights.attention_norm);
  layer.intermediate = pack({&weights.intermediate});
  layer.output = pack({&weights.output});
  layer.output_norm = f32_.pack_norm(weights.output_norm);
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
  for (std::size_t i = 0; i < reduced.size(); ++i) {
    const LayerWeights& layer = model.weights.layers[i];
    backend.layers_.push_back(reduced[i] ? backend.pack_layer(layer, i + 1 == reduced.size()) : Layer());
    if (!reduced[i]) continue;
    for (const LinearWeights* linear : linear_weights(layer)) model.checkpoint.release(linear->weight.values);
  }
  return backend;
}

std::int64_t ReducedBackend::staging_stride(std::int64_t width) const {
  return round_up(width, 64 / kernels_->staging_element_bytes);
}

std::int64_t ReducedBackend::chunk_rows(std::int64_t width) const {
  const std::int64_t row_bytes = staging_stride(width) * kernels_->staging_element_bytes;
  return round_up(std::max(kLeastChunkRows, kernels_->chunk_bytes / row_bytes), kernels_->row_granularity);
}

Staging ReducedBackend::staging(AlignedBuffer<std::byte>& buffer, std::int64_t rows, std::int64_t width,
                                StagingLayout layout) const {
  const std::int64_t stride = staging_stride(width);
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

void ReducedBackend::make_operand_current(Workspace& workspace) const {
  if (workspace.operand_is_current) return;
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const auto& rows = workspace.f32.hidden;
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

/// hidden rows [hidden_row, hidden_row + rows) = norm(themselves + x W^T + bias), x being rows from `first_row` on; and
/// the operand of the same rows.
void ReducedBackend::add_product(const PackedWeights& weights, const Operand& x, std::int64_t first_row,
                                 std::int64_t rows, std::int64_t hidden_row, const CpuBackend::Norm& norm,
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
  const auto& states = workspace.f32.hidden;
  kernels_->add_norm({.hidden = {states.data + hidden_row * states.stride, rows, states.stride},
                      .addend = sum,
                      .width = hidden,
                      .norm = norm.view(),
                      .out = operand(workspace.operand, states.rows, hidden),
                      .first_row = hidden_row});
}

/// Fills workspace.context, the operand of the attention's output. Projections are staged for as many sequences at a
/// time as fit in the cache; their attention follows while they are there.
void ReducedBackend::attend(const Layer& layer, const PackedBatch& batch, OutputRows rows, Workspace& workspace) const {
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const std::int64_t head_dim = spec_.encoder.head_size();
  const std::int64_t tokens = batch.total_tokens();
  const std::int64_t sequences = batch.batch_size();
  const std::int64_t step = kernels_->row_granularity;
  const std::int64_t element = kernels_->staging_element_bytes;
  const bool all = rows == OutputRows::kAll;
  const std::int64_t width = all ? 3 * hidden : 2 * hidden;
  const std::int64_t target = chunk_rows(width);
  const PackedWeights& weights = all ? layer.qkv : layer.key_value;
  const Operand x = operand(workspace.operand, tokens, hidden);
  const Operand context = operand(workspace.context, all ? tokens : sequences, hidden);
  // A chunk ends with a sequence: at most a target and a sequence long, and a step to be aligned.
  const std::int64_t most = round_up(std::min(tokens, target + batch.max_seqlen), step) + step;
  const Staging projected = staging(workspace.projected, most, width, StagingLayout::kRows);
  const Staging attended = staging(workspace.attended, most, hidden, kernels_->staging_layout);
  workspace.scratch.ensure(static_cast<std::size_t>(kernels_->attention_scratch_bytes(batch.max_seqlen, head_dim)));

  Staging queries;
  if (!all) {
    // The query projection of first tokens only, from an operand of those rows.
    const Operand first = operand(workspace.wide, sequences, hidden);
    kernels_->quantize({.f32 = {workspace.f32.first_rows.data(), sequences, hidden},
                        .staging = {},
                        .width = hidden,
                        .out = first,
                        .first_row = 0,
                        .rows = sequences});
    queries = staging(workspace.queries, round_up(sequences, step), hidden, StagingLayout::kRows);
    timed_product(*kernels_, workspace,
                  {.weights = layer.query.view(),
                   .x = first,
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
    const auto column = [&](std::int64_t index) {
      return Staging{projected.data + index * hidden * element, projected.stride};
    };
    Staging q = all ? column(0) : queries;
    if (!all) q.data += first * queries.stride * element;
    timed_attention(*kernels_, workspace,
                    {.q = q,
                     .k = column(all ? 1 : 0),
                     .v = column(all ? 2 : 1),
                     .out = attended,
                     .cu_seqlens = batch.cu_seqlens.data(),
                     .first_sequence = first,
                     .sequences = last - first,
                     .first_token = begin,
                     .first_head = 0,
                     .heads = spec_.encoder.num_attention_heads,
                     .head_dim = head_dim,
                     .scale = 1.0F / std::sqrt(static_cast<float>(head_dim)),
                     .queries = all ? kernels::AttentionQueries::kAll : kernels::AttentionQueries::kFirstOfEach,
                     .scratch = workspace.scratch.data()});
    kernels_->quantize({.f32 = {},
                        .staging = attended,
                        .width = hidden,
                        .out = context,
                        .first_row = all ? begin : first,
                        .rows = all ? end - begin : last - first});
    // Rows of the next sequence that were projected for alignment's sake.
    if (aligned_end > end) {
      std::memmove(projected.data, projected.data + (end - begin) * projected.stride * element,
                   static_cast<std::size_t>((aligned_end - end) * projected.stride * element));
    }
    computed = std::max(computed, aligned_end);
    first = last;
  }
}

void ReducedBackend::attention_block(std::int64_t index, const PackedBatch& batch, OutputRows rows,
                                     Workspace& workspace) const {
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  if (!layer.reduced) {
    f32_.attention_block(index, batch, rows, workspace.f32);
    workspace.operand_is_current = false;
    return;
  }
  make_operand_current(workspace);
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const bool all = rows == OutputRows::kAll;
  if (!all) f32_.gather_first_rows(batch, workspace.f32);
  attend(layer, batch, rows, workspace);
  if (!all) workspace.f32.hidden = {workspace.f32.first_rows.data(), batch.batch_size(), hidden};
  const std::int64_t states = workspace.f32.hidden.rows;
  const Operand context = operand(workspace.context, states, hidden);
  const std::int64_t step = chunk_rows(hidden);
  for (std::int64_t begin = 0; begin < states; begin += step) {
    add_product(layer.attention_output, context, begin, std::min(step, states - begin), begin, layer.attention_norm,
                workspace);
  }
}

void ReducedBackend::ffn_block(std::int64_t index, Workspace& workspace) const {
  const Layer& layer = layers_[static_cast<std::size_t>(index)];
  if (!layer.reduced) {
    f32_.ffn_block(index, workspace.f32);
    workspace.operand_is_current = false;
    return;
  }
  make_operand_current(workspace);
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const std::int64_t width = spec_.encoder.intermediate_size;
  const std::int64_t states = workspace.f32.hidden.rows;
  const std::int64_t step = chunk_rows(width);
  const Operand x = operand(workspace.operand, states, hidden);
  for (std::int64_t begin = 0; begin < states; begin += step) {
    const std::int64_t rows = std::min(step, states - begin);
    const Staging staged =
        staging(workspace.projected, round_up(rows, kernels_->row_granularity), width, kernels_->staging_layout);
    const Operand wide = operand(workspace.wide, rows, width);
    timed_product(*kernels_, workspace,
                  {.weights = layer.intermediate.view(),
                   .x = x,
                   .first_row = begin,
                   .rows = rows,
                   .first_panel = 0,
                   .panels = layer.intermediate.panels(),
                   .out = staged,
                   .activation = spec_.encoder.hidden_act});
    kernels_->quantize({.f32 = {}, .staging = staged, .width = width, .out = wide, .first_row = 0, .rows = rows});
    add_product(layer.output, wide, 0, rows, begin, layer.output_norm, workspace);
  }
}

void ReducedBackend::classify(Workspace& workspace, std::span<float> logits) const {
  f32_.classify(workspace.f32, logits);
}

}  // namespace valence
