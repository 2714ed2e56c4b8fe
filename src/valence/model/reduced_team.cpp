// ReducedBackend's forward pass by several threads in step: see forward_together() in reduced_backend.h.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "valence/model/reduced_backend.h"

namespace valence {
namespace {

using kernels::Operand;
using kernels::PackedWeights;
using kernels::Staging;
using kernels::StagingLayout;

// Each member gets so many rows of a product, or all get all rows and divide the columns: below, a panel of weights is
// read for too few rows.
constexpr std::int64_t kLeastRowsEach = 64;

struct Range {
  std::int64_t begin;
  std::int64_t end;
  [[nodiscard]] std::int64_t size() const { return end - begin; }
};

/// A member's near-equal share of [0, count), beginning at a multiple of `step`.
Range share(std::int64_t count, std::int64_t step, const TeamMember& member) {
  const std::int64_t steps = (count + step - 1) / step;
  const auto index = static_cast<std::int64_t>(member.index);
  const auto size = static_cast<std::int64_t>(member.size);
  return {std::min(count, steps * index / size * step), std::min(count, steps * (index + 1) / size * step)};
}

Staging rows_from(const Staging& staging, std::int64_t row, std::int64_t element_bytes) {
  if (staging.layout == StagingLayout::kOwn) return {staging.data, staging.stride, staging.layout, row};
  return {staging.data + row * staging.stride * element_bytes, staging.stride};
}

}  // namespace

void ReducedBackend::make_room_for_team(const PackedBatch& batch, Workspace& workspace, std::size_t members) const {
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const std::int64_t width = spec_.encoder.intermediate_size;
  const std::int64_t step = kernels_->row_granularity;
  const std::int64_t rows = (batch.total_tokens() + step - 1) / step * step;
  operand(workspace.operand, rows, hidden);
  operand(workspace.context, rows, hidden);
  operand(workspace.wide, rows, std::max(width, hidden));
  staging(workspace.projected, rows, std::max(3 * hidden, width), StagingLayout::kRows);
  staging(workspace.queries, rows, hidden, StagingLayout::kRows);
  staging(workspace.attended, rows, hidden, StagingLayout::kRows);
  staging(workspace.product, rows, hidden, StagingLayout::kRows);
  const std::int64_t scratch = kernels_->attention_scratch_bytes(batch.max_seqlen, spec_.encoder.head_size());
  workspace.scratch.ensure(static_cast<std::size_t>((scratch + 63) / 64 * 64) * members);
}

void ReducedBackend::product_together(const PackedWeights& weights, const Operand& x, std::int64_t rows,
                                      kernels::Activation activation, const Staging& out,
                                      const TeamMember& member) const {
  const bool by_rows = rows >= kLeastRowsEach * static_cast<std::int64_t>(member.size);
  const Range mine = by_rows ? share(rows, kernels_->row_granularity, member) : Range{0, rows};
  const Range panels = by_rows ? Range{0, weights.panels()} : share(weights.panels(), 1, member);
  if (mine.size() == 0 || panels.size() == 0) return;
  kernels_->product({.weights = weights.view(),
                     .x = x,
                     .first_row = mine.begin,
                     .rows = mine.size(),
                     .first_panel = panels.begin,
                     .panels = panels.size(),
                     .out = rows_from(out, mine.begin, kernels_->staging_element_bytes),
                     .activation = activation});
}

void ReducedBackend::add_product_together(const PackedWeights& weights, const Operand& x, const F32Norm& norm,
                                          Workspace& workspace, const TeamMember& member) const {
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const auto& states = workspace.f32.hidden;
  const Staging sum = staging(workspace.product, states.rows, hidden, kernels_->staging_layout);
  product_together(weights, x, states.rows, kernels::Activation::kNone, sum, member);
  member.wait();
  const Range mine = share(states.rows, 1, member);
  if (mine.size() > 0) {
    kernels_->add_norm({.hidden = {states.data + mine.begin * states.stride, mine.size(), states.stride},
                        .addend = rows_from(sum, mine.begin, kernels_->staging_element_bytes),
                        .width = hidden,
                        .norm = norm.view(),
                        .out = operand(workspace.operand, states.rows, hidden),
                        .first_row = mine.begin});
  }
  member.wait();
}

void ReducedBackend::attention_block_together(const Layer& layer, const PackedBatch& batch, OutputRows rows,
                                              Workspace& workspace, const TeamMember& member) const {
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const std::int64_t head_dim = spec_.encoder.head_size();
  const std::int64_t tokens = batch.total_tokens();
  const std::int64_t element = kernels_->staging_element_bytes;
  const bool all = rows == OutputRows::kAll;
  const std::int64_t states = all ? tokens : batch.batch_size();
  const Operand x = operand(workspace.operand, tokens, hidden);
  const Staging projected = staging(workspace.projected, tokens, all ? 3 * hidden : 2 * hidden, StagingLayout::kRows);
  const auto column = [&](std::int64_t index) {
    return Staging{projected.data + index * hidden * element, projected.stride};
  };
  Staging queries = column(0);
  if (!all) {
    const Operand first = operand(workspace.wide, states, hidden);
    if (member.index == 0) {
      f32_.gather_chosen_rows(batch, workspace.f32.hidden, workspace.f32.chosen_rows);
      kernels_->quantize({.f32 = {workspace.f32.chosen_rows.data(), states, hidden},
                          .staging = {},
                          .width = hidden,
                          .out = first,
                          .first_row = 0,
                          .rows = states});
    }
    member.wait();
    queries = staging(workspace.queries, states, hidden, StagingLayout::kRows);
    product_together(layer.query, first, states, kernels::Activation::kNone, queries, member);
  }
  product_together(all ? layer.qkv : layer.key_value, x, tokens, kernels::Activation::kNone, projected, member);
  member.wait();

  const Range heads = share(spec_.encoder.num_attention_heads, 1, member);
  const Staging attended = staging(workspace.attended, states, hidden, kernels_->staging_layout);
  const std::size_t scratch = workspace.scratch.size() / member.size / 64 * 64;
  if (heads.size() > 0) {
    kernels_->attention({.q = queries,
                         .k = column(all ? 1 : 0),
                         .v = column(all ? 2 : 1),
                         .out = attended,
                         .cu_seqlens = batch.cu_seqlens.data(),
                         .first_sequence = 0,
                         .sequences = batch.batch_size(),
                         .first_token = 0,
                         .first_head = heads.begin,
                         .heads = heads.size(),
                         .head_dim = head_dim,
                         .scale = 1.0F / std::sqrt(static_cast<float>(head_dim)),
                         .queries = all ? kernels::AttentionQueries::kAll : f32_.chosen_queries(),
                         .scratch = workspace.scratch.data() + member.index * scratch});
  }
  member.wait();

  const Operand context = operand(workspace.context, states, hidden);
  const Range mine = share(states, 1, member);
  if (mine.size() > 0) {
    kernels_->quantize({.f32 = {},
                        .staging = rows_from(attended, mine.begin, element),
                        .width = hidden,
                        .out = context,
                        .first_row = mine.begin,
                        .rows = mine.size()});
  }
  if (!all && member.index == 0) workspace.f32.hidden = {workspace.f32.chosen_rows.data(), states, hidden};
  member.wait();
  add_product_together(layer.attention_output, context, *layer.attention_norm, workspace, member);
}

void ReducedBackend::ffn_block_together(const Layer& layer, Workspace& workspace, const TeamMember& member) const {
  const std::int64_t hidden = spec_.encoder.hidden_size;
  const std::int64_t width = spec_.encoder.intermediate_size;
  const std::int64_t states = workspace.f32.hidden.rows;
  const Staging staged = staging(workspace.projected, states, width, kernels_->staging_layout);
  product_together(layer.intermediate, operand(workspace.operand, states, hidden), states, spec_.encoder.hidden_act,
                   staged, member);
  member.wait();
  const Operand wide = operand(workspace.wide, states, width);
  const Range mine = share(states, 1, member);
  if (mine.size() > 0) {
    kernels_->quantize({.f32 = {},
                        .staging = rows_from(staged, mine.begin, kernels_->staging_element_bytes),
                        .width = width,
                        .out = wide,
                        .first_row = mine.begin,
                        .rows = mine.size()});
  }
  member.wait();
  add_product_together(layer.output, wide, layer.output_norm, workspace, member);
}

void ReducedBackend::forward_together(const PackedBatch& batch, Workspace& workspace, std::span<float> logits,
                                      const TeamMember& member) const {
  kernels_->prepare_thread();
  if (member.index == 0) {
    make_room_for_team(batch, workspace, member.size);
    embed(batch, workspace);
    make_operand_current(nullptr, workspace);
  }
  member.wait();
  const std::int64_t last = num_hidden_layers() - 1;
  for (std::int64_t index = 0; index <= last; ++index) {
    const Layer* const layer = layers_[static_cast<std::size_t>(index)].get();
    const OutputRows rows = index == last ? OutputRows::kOneOfEach : OutputRows::kAll;
    if (layer != nullptr) {
      attention_block_together(*layer, batch, rows, workspace, member);
      ffn_block_together(*layer, workspace, member);
      continue;
    }
    if (member.index == 0) {
      f32_.attention_block(index, batch, rows, workspace.f32);
      f32_.ffn_block(index, workspace.f32);
      workspace.operand_is_current = false;
      make_operand_current(nullptr, workspace);
    }
    member.wait();
  }
  if (member.index == 0) classify(batch, workspace, logits);
}

}  // namespace valence
