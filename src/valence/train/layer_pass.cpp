#include "valence/train/layer_pass.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "valence/model/encoder_attention.h"
#include "valence/train/layer_places.h"
#include "valence/train/row_views.h"

namespace valence::train {

LayerPass::LayerPass(const EncoderSpec& spec, const NetworkOptions& options, const kernels::KernelTable& kernels,
                     SpinTeam& team)
    : spec_(spec),
      dropout_(options.dropout),
      kernels_(kernels),
      team_(team),
      row_pass_(kernels, team),
      linear_(kernels, options.bf16, team),
      attention_(kernels, options.bf16, team) {}

std::int64_t LayerPass::rows_of(const Step& step) const {
  return step.queries == Queries::kAll ? step.batch->total_tokens() : step.batch->batch_size();
}

namespace {

/// Copies one row of each sequence.
void gather(RowsView<const float> from, std::int64_t width, const PackedBatch& batch, Queries queries,
            RowsView<float> to) {
  for (std::int64_t i = 0; i < batch.batch_size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t token = queries == Queries::kLastOfEach ? batch.cu_seqlens[at + 1] - 1 : batch.cu_seqlens[at];
    std::copy_n(from.data + token * from.stride, width, to.data + i * to.stride);
  }
}

/// to[the chosen row of each sequence] += from.
void scatter_add(RowsView<const float> from, std::int64_t width, const PackedBatch& batch, Queries queries,
                 RowsView<float> to) {
  for (std::int64_t i = 0; i < batch.batch_size(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t token = queries == Queries::kLastOfEach ? batch.cu_seqlens[at + 1] - 1 : batch.cu_seqlens[at];
    for (std::int64_t c = 0; c < width; ++c) to.data[token * to.stride + c] += from.data[i * from.stride + c];
  }
}

}  // namespace

AttentionCall LayerPass::attention_call(const Step& step, const LayerTape& tape) const {
  const std::int64_t tokens = step.batch->total_tokens();
  AttentionCall call;
  call.form = {.num_heads = spec_.num_attention_heads,
               .num_kv_heads = spec_.key_value_heads(),
               .head_dim = spec_.head_size(),
               .scale = 1.0F / std::sqrt(static_cast<float>(spec_.head_size())),
               .causal = spec_.causal,
               .window = spec_.layer_attention.empty()
                             ? -1
                             : spec_.layer_attention[static_cast<std::size_t>(step.index)].window};
  call.q = read(tape.q, rows_of(step), spec_.query_size());
  call.k = read(tape.k, tokens, spec_.key_value_size());
  call.v = read(tape.v, tokens, spec_.key_value_size());
  call.cu_seqlens = step.batch->cu_seqlens;
  call.queries = step.queries;
  const RelativePositions& relative = spec_.relative;
  if (relative.kind == RelativePositions::Kind::kDisentangled) {
    const int terms = 1 + (relative.content_to_position ? 1 : 0) + (relative.position_to_content ? 1 : 0);
    call.form.scale = 1.0F / std::sqrt(static_cast<float>(spec_.head_size() * terms));
  }
  if (step.random != nullptr) {
    call.dropout = dropout_.probabilities;
    call.dropout_key = step.random->key(place_of(step.index, Place::kProbabilities));
  }
  return call;
}

void LayerPass::rotate(const Step& step, RowsView<float> x, std::int64_t heads, Queries queries, Direction direction) {
  if (spec_.layer_attention.empty()) return;
  const auto& rotary = spec_.layer_attention[static_cast<std::size_t>(step.index)].rotary;
  if (!rotary) return;
  const PackedBatch& batch = *step.batch;
  const std::int64_t half = spec_.head_size() / 2;
  const auto length = static_cast<std::int64_t>(batch.max_seqlen);
  cos_.ensure(static_cast<std::size_t>(length * half));
  sin_.ensure(static_cast<std::size_t>(length * half));
  const float sign = direction == Direction::kForward ? 1.0F : -1.0F;  // a rotation's transpose turns back
  for (std::int64_t i = 0; i < half; ++i) {
    const float frequency = inverse_frequency(*rotary, spec_.head_size(), i);
    for (std::int64_t p = 0; p < length; ++p) {
      const float angle = static_cast<float>(p) * frequency;
      cos_.data()[p * half + i] = std::cos(angle);
      sin_.data()[p * half + i] = sign * std::sin(angle);
    }
  }
  positions_.clear();
  for (std::size_t i = 0; i + 1 < batch.cu_seqlens.size(); ++i) {
    const std::int32_t count = batch.cu_seqlens[i + 1] - batch.cu_seqlens[i];
    if (queries == Queries::kAll) {
      for (std::int32_t p = 0; p < count; ++p) positions_.push_back(p);
    } else {
      positions_.push_back(queries == Queries::kLastOfEach ? count - 1 : 0);
    }
  }
  for_row_blocks(team_, x.rows, [&](std::int64_t first, std::int64_t rows) {
    kernels_.f32->rotate({.x = part(x, first, rows),
                          .num_heads = heads,
                          .head_dim = spec_.head_size(),
                          .rotary_dim = spec_.head_size(),
                          .cos = cos_.data(),
                          .sin = sin_.data(),
                          .positions = positions_.data() + first});
  });
}

void LayerPass::norm_heads(const Step& step, LayerTape& tape) {
  if (!step.layer->query_norm) return;
  const std::int64_t head = spec_.head_size();
  const std::int64_t q_rows = rows_of(step) * spec_.num_attention_heads;
  const std::int64_t k_rows = step.batch->total_tokens() * spec_.key_value_heads();
  row_pass_.norm(read(tape.raw_q, q_rows, head), head, *step.layer->query_norm, view(tape.q, q_rows, head));
  row_pass_.norm(read(tape.raw_k, k_rows, head), head, *step.layer->key_norm, view(tape.k, k_rows, head));
}

void LayerPass::make_projections(const Step& step, LayerTape& tape) {
  const Layer& layer = *step.layer;
  const std::int64_t tokens = step.batch->total_tokens();
  const std::int64_t hidden = spec_.hidden_size;
  RowsView<const float> input = read(tape.input, tokens, hidden);
  LineTask norm_input;
  if (spec_.norm_placement == NormPlacement::kPre && layer.attention_norm) {
    const auto normed = view(tape.normed, tokens, hidden);
    if (step.queries == Queries::kAll) {
      norm_input = [this, input, hidden, &layer, normed](std::int64_t first, std::int64_t count) {
        row_pass_.norm_rows(input, hidden, *layer.attention_norm, normed, first, count);
      };
    } else {
      row_pass_.norm(input, hidden, *layer.attention_norm, normed);
    }
    input = normed;
  }
  const bool norms = layer.query_norm.has_value();
  const std::int64_t rows = rows_of(step);
  const auto q = view(norms ? tape.raw_q : tape.q, rows, spec_.query_size());
  const auto k = view(norms ? tape.raw_k : tape.k, tokens, spec_.key_value_size());
  const auto v = view(tape.v, tokens, spec_.key_value_size());
  const LinearPass::Call query{&layer.query, &tape.query_tape, q};
  const LinearPass::Call key{&layer.key, &tape.key_tape, k};
  const LinearPass::Call value{&layer.value, &tape.value_tape, v};
  if (step.queries == Queries::kAll) {
    linear_.forward(input, std::array{query, key, value}, step.random, norm_input);
  } else {
    const auto chosen = view(tape.chosen, rows, hidden);
    gather(input, hidden, *step.batch, step.queries, chosen);
    linear_.forward(chosen, std::array{query}, step.random);
    linear_.forward(input, std::array{key, value}, step.random);
  }
  norm_heads(step, tape);
  rotate(step, {tape.q.data(), rows, spec_.query_size()}, spec_.num_attention_heads, step.queries, Direction::kForward);
  rotate(step, {tape.k.data(), tokens, spec_.key_value_size()}, spec_.key_value_heads(), Queries::kAll,
         Direction::kForward);
}

/// Rows of the activation, as the output layer reads them.
void LayerPass::ffn_activate_rows(const Step& step, const LayerTape& tape, RowsView<float> out, std::int64_t first,
                                  std::int64_t rows) const {
  const std::int64_t width = spec_.intermediate_size;
  if (spec_.gated) {
    kernels_.f32->gate({.x = part(read(tape.expanded, out.rows, 2 * width), first, rows),
                        .out = part(out, first, rows),
                        .width = width,
                        .activation = spec_.hidden_act});
  } else {
    row_pass_.activate_rows(spec_.hidden_act, read(tape.expanded, out.rows, width), out, first, rows);
  }
  row_pass_.drop_rows(
      row_pass_.dropout_at(dropout_.ffn_intermediate, step.random, place_of(step.index, Place::kFfnIntermediate)), out,
      width, out, first, rows);
}

void LayerPass::forward(const Step& step, LayerTape& tape, RowsView<float> out) {
  const Layer& layer = *step.layer;
  const std::int64_t hidden = spec_.hidden_size;
  const std::int64_t rows = rows_of(step);
  const bool post = spec_.norm_placement == NormPlacement::kPost;
  make_projections(step, tape);
  project_relative(step, tape);
  const auto context = view(tape.context, rows, spec_.query_size());
  AttentionCall call = attention_call(step, tape);
  RelativeTerms terms;
  if (step.relative != nullptr) {
    terms = relative_terms(step, tape);
    call.relative = &terms;
  }
  attention_.forward(call, context);

  const auto attended = view(tape.attended, rows, hidden);
  linear_.forward(context, std::array{LinearPass::Call{&layer.attention_output, &tape.attention_output_tape, attended}},
                  step.random);
  RowsView<const float> residual = read(tape.input, step.batch->total_tokens(), hidden);
  if (step.queries != Queries::kAll) {
    const auto chosen = view(d_states_, rows, hidden);
    gather(residual, hidden, *step.batch, step.queries, chosen);
    residual = chosen;
  }
  const auto ffn_input = view(tape.ffn_input, rows, hidden);
  const auto attention_dropout =
      row_pass_.dropout_at(dropout_.attention_output, step.random, place_of(step.index, Place::kAttentionOutput));
  const LineTask add_and_norm = [&](std::int64_t first, std::int64_t count) {
    row_pass_.drop_rows(attention_dropout, attended, hidden, attended, first, count);
    row_pass_.add_rows(attended, residual, hidden, first, count);
    row_pass_.norm_rows(attended, hidden, post ? *layer.attention_norm : layer.output_norm, ffn_input, first, count);
  };

  const std::int64_t width = spec_.intermediate_size;
  const auto expanded = view(tape.expanded, rows, spec_.gated ? 2 * width : width);
  if (spec_.gated) {
    linear_.forward(
        ffn_input,
        std::array{LinearPass::Call{&*layer.gate, &tape.gate_tape, expanded},
                   LinearPass::Call{
                       &layer.intermediate, &tape.intermediate_tape, {expanded.data + width, rows, expanded.stride}}},
        step.random, add_and_norm);
  } else {
    linear_.forward(ffn_input, std::array{LinearPass::Call{&layer.intermediate, &tape.intermediate_tape, expanded}},
                    step.random, add_and_norm);
  }
  const auto activated = view(activated_, rows, width);
  const auto summed = post ? view(tape.summed, rows, hidden) : out;
  linear_.forward(
      activated, std::array{LinearPass::Call{&layer.output, &tape.output_tape, summed}}, step.random,
      [&](std::int64_t first, std::int64_t count) { ffn_activate_rows(step, tape, activated, first, count); });
  const auto output_dropout =
      row_pass_.dropout_at(dropout_.ffn_output, step.random, place_of(step.index, Place::kFfnOutput));
  for_row_blocks(team_, rows, [&](std::int64_t first, std::int64_t count) {
    row_pass_.drop_rows(output_dropout, summed, hidden, summed, first, count);
    row_pass_.add_rows(summed, post ? ffn_input : attended, hidden, first, count);
    if (post) row_pass_.norm_rows(summed, hidden, layer.output_norm, out, first, count);
  });
}

/// From d_out (the gradient of the second residual sum) to d_ffn_input_, that of what the feed-forward block read.
void LayerPass::ffn_backward(const Step& step, LayerTape& tape, RowsView<float> d_out, const LineTask& before_rows) {
  const Layer& layer = *step.layer;
  const std::int64_t hidden = spec_.hidden_size;
  const std::int64_t rows = d_out.rows;
  const std::int64_t width = spec_.intermediate_size;
  const auto d_states = view(d_states_, rows, hidden);
  const auto output_dropout =
      row_pass_.dropout_at(dropout_.ffn_output, step.random, place_of(step.index, Place::kFfnOutput));
  const auto d_activated = view(d_activated_, rows, width);
  const LinearPass::Gradient output{&layer.output, &tape.output_tape, d_states};
  linear_.input_gradient(std::array{output}, d_activated, false, step.random,
                         [&](std::int64_t first, std::int64_t count) {
                           if (before_rows) before_rows(first, count);
                           row_pass_.drop_rows(output_dropout, d_out, hidden, d_states, first, count);
                         });

  const auto activated = view(activated_, rows, width);
  const auto d_input = view(d_ffn_input_, rows, hidden);
  const auto dropout =
      row_pass_.dropout_at(dropout_.ffn_intermediate, step.random, place_of(step.index, Place::kFfnIntermediate));
  const auto ffn_input = read(tape.ffn_input, rows, hidden);
  if (spec_.gated) {
    const auto d_expanded = view(d_expanded_, rows, 2 * width);
    const std::array gradients{
        LinearPass::Gradient{&*layer.gate, &tape.gate_tape, d_expanded},
        LinearPass::Gradient{
            &layer.intermediate, &tape.intermediate_tape, {d_expanded.data + width, rows, d_expanded.stride}}};
    linear_.input_gradient(gradients, d_input, false, step.random, [&](std::int64_t first, std::int64_t count) {
      ffn_activate_rows(step, tape, activated, first, count);
      row_pass_.drop_rows(dropout, d_activated, width, d_activated, first, count);
      kernels_.training->gate_backward({.x = part(read(tape.expanded, rows, 2 * width), first, count),
                                        .dy = part(RowsView<const float>(d_activated), first, count),
                                        .dx = part(d_expanded, first, count),
                                        .width = width,
                                        .activation = spec_.hidden_act});
    });
    linear_.weight_gradient(ffn_input, gradients, step.random);
  } else {
    const LinearPass::Gradient intermediate{&layer.intermediate, &tape.intermediate_tape, d_activated};
    linear_.input_gradient(std::array{intermediate}, d_input, false, step.random,
                           [&](std::int64_t first, std::int64_t count) {
                             row_pass_.drop_rows(dropout, d_activated, width, d_activated, first, count);
                             row_pass_.activate_backward_rows(spec_.hidden_act, read(tape.expanded, rows, width),
                                                              d_activated, activated, first, count);
                             row_pass_.drop_rows(dropout, activated, width, activated, first, count);
                           });
    linear_.weight_gradient(ffn_input, std::array{intermediate}, step.random);
  }
  linear_.weight_gradient(activated, std::array{output}, step.random);
}

void LayerPass::backward(const Step& step, LayerTape& tape, RowsView<float> d_out, RowsView<float> d_input) {
  const Layer& layer = *step.layer;
  const std::int64_t hidden = spec_.hidden_size;
  const std::int64_t rows = rows_of(step);
  const bool post = spec_.norm_placement == NormPlacement::kPost;
  const auto attended = read(tape.attended, rows, hidden);

  // Feed-forward. d_out becomes the gradient of the second residual sum.
  if (post) {
    const auto summed = read(tape.summed, rows, hidden);
    row_pass_.begin_norm_backward(rows, hidden);
    ffn_backward(step, tape, d_out, [&](std::int64_t first, std::int64_t count) {
      row_pass_.norm_backward_rows(summed, hidden, layer.output_norm, d_out, d_out, first, count);
    });
    row_pass_.end_norm_backward(rows, hidden, layer.output_norm);
  } else {
    ffn_backward(step, tape, d_out, {});
  }

  // Attention. d_sum becomes the gradient of the first residual sum; d_out that of the
  // attention output, until its weights have theirs.
  const auto d_sum = view(d_ffn_input_, rows, hidden);
  const Norm& sum_norm = post ? *layer.attention_norm : layer.output_norm;
  const auto attention_dropout =
      row_pass_.dropout_at(dropout_.attention_output, step.random, place_of(step.index, Place::kAttentionOutput));
  const auto d_context = view(d_context_, rows, spec_.query_size());
  const std::array attention_output{LinearPass::Gradient{&layer.attention_output, &tape.attention_output_tape, d_out}};
  row_pass_.begin_norm_backward(rows, hidden);
  linear_.input_gradient(attention_output, d_context, false, step.random, [&](std::int64_t first, std::int64_t count) {
    if (post) row_pass_.add_rows(d_sum, d_out, hidden, first, count);
    row_pass_.norm_backward_rows(attended, hidden, sum_norm, d_sum, d_sum, first, count);
    if (!post) row_pass_.add_rows(d_sum, d_out, hidden, first, count);
    row_pass_.drop_rows(attention_dropout, d_sum, hidden, d_out, first, count);
  });
  row_pass_.end_norm_backward(rows, hidden, sum_norm);
  linear_.weight_gradient(read(tape.context, rows, spec_.query_size()), attention_output, step.random);
  const std::int64_t tokens = step.batch->total_tokens();
  const Attention::Gradients gradients{view(d_q_, rows, spec_.query_size()), view(d_k_, tokens, spec_.key_value_size()),
                                       view(d_v_, tokens, spec_.key_value_size())};
  AttentionCall call = attention_call(step, tape);
  RelativeTerms terms;
  if (step.relative != nullptr) {
    terms = relative_terms(step, tape);
    terms.d_bias = step.relative->d_bias;
    const auto cleared = [&](AlignedBuffer<float>& buffer, RowsView<const float> like) {
      if (like.data == nullptr) return RowsView<float>();
      const auto gradient = view(buffer, like.rows, spec_.query_size());
      std::fill_n(gradient.data, gradient.rows * gradient.stride, 0.0F);
      return gradient;
    };
    terms.d_position_keys = cleared(d_position_keys_, terms.position_keys);
    terms.d_position_queries = cleared(d_position_queries_, terms.position_queries);
    call.relative = &terms;
  }
  attention_.backward(call, d_context, gradients);
  relative_backward(step, tape);
  projections_backward(step, tape, d_input);
  if (step.queries == Queries::kAll) {
    row_pass_.add(d_input, d_sum, hidden);
  } else {
    scatter_add(d_sum, hidden, *step.batch, step.queries, d_input);
  }
}

void LayerPass::projections_backward(const Step& step, LayerTape& tape, RowsView<float> d_input) {
  const Layer& layer = *step.layer;
  const std::int64_t hidden = spec_.hidden_size;
  const std::int64_t rows = rows_of(step);
  const std::int64_t tokens = step.batch->total_tokens();
  const RowsView<float> d_q{d_q_.data(), rows, spec_.query_size()};
  const RowsView<float> d_k{d_k_.data(), tokens, spec_.key_value_size()};
  const RowsView<float> d_v{d_v_.data(), tokens, spec_.key_value_size()};
  rotate(step, d_q, spec_.num_attention_heads, step.queries, Direction::kBackward);
  rotate(step, d_k, spec_.key_value_heads(), Queries::kAll, Direction::kBackward);
  if (layer.query_norm) {
    const std::int64_t head = spec_.head_size();
    const auto of_heads = [&](AlignedBuffer<float>& buffer, AlignedBuffer<float>& gradient, const Norm& norm,
                              std::int64_t head_rows) {
      const RowsView<float> d{gradient.data(), head_rows, head};
      row_pass_.norm_backward(read(buffer, head_rows, head), head, norm, d, d);
    };
    of_heads(tape.raw_q, d_q_, *layer.query_norm, rows * spec_.num_attention_heads);
    of_heads(tape.raw_k, d_k_, *layer.key_norm, tokens * spec_.key_value_heads());
  }
  const bool normed = spec_.norm_placement == NormPlacement::kPre && layer.attention_norm;
  const auto input = read(normed ? tape.normed : tape.input, tokens, hidden);
  const LinearPass::Gradient query{&layer.query, &tape.query_tape, d_q};
  const LinearPass::Gradient key{&layer.key, &tape.key_tape, d_k};
  const LinearPass::Gradient value{&layer.value, &tape.value_tape, d_v};
  if (step.queries == Queries::kAll) {
    linear_.backward(input, std::array{query, key, value}, d_input, false, step.random);
  } else {
    linear_.backward(input, std::array{key, value}, d_input, false, step.random);
    const auto d_chosen = view(d_context_, rows, hidden);
    linear_.backward(read(tape.chosen, rows, hidden), std::array{query}, d_chosen, false, step.random);
    scatter_add(d_chosen, hidden, *step.batch, step.queries, d_input);
  }
  if (normed)
    row_pass_.norm_backward(read(tape.input, tokens, hidden), hidden, *layer.attention_norm, d_input, d_input);
}

}  // namespace valence::train
