// The part of LayerPass that knows relative positions.
#include <array>

#include "valence/train/layer_pass.h"
#include "valence/train/layer_places.h"
#include "valence/train/row_views.h"

namespace valence::train {

RelativeTerms LayerPass::relative_terms(const Step& step, const LayerTape& tape) const {
  RelativeTerms terms;
  terms.rows = step.relative->rows;
  terms.longest = step.relative->longest;
  terms.bias = step.relative->bias;
  const std::int64_t rows = step.relative->states.rows;
  if (spec_.relative.content_to_position) terms.position_keys = read(tape.position_keys, rows, spec_.query_size());
  if (spec_.relative.position_to_content)
    terms.position_queries = read(tape.position_queries, rows, spec_.query_size());
  return terms;
}

/// Keys and queries of the relative embeddings. Source: DisentangledSelfAttention of transformers, modeling_deberta_v2.
void LayerPass::project_relative(const Step& step, LayerTape& tape) {
  if (step.relative == nullptr || spec_.relative.kind != RelativePositions::Kind::kDisentangled) return;
  const Layer& layer = *step.layer;
  const RowsView<const float> states = step.relative->states;
  const auto dropped = view(tape.relative, states.rows, spec_.hidden_size);
  row_pass_.drop(dropout_.embeddings, step.random, place_of(step.index, Place::kRelative), states, spec_.hidden_size,
                 dropped);
  const auto project = [&](const Linear& linear, LinearTape& linear_tape, AlignedBuffer<float>& out) {
    const auto rows = view(out, states.rows, spec_.query_size());
    linear_.forward(dropped, std::array{LinearPass::Call{&linear, &linear_tape, rows}}, step.random);
  };
  if (spec_.relative.content_to_position) {
    project(layer.position_key ? *layer.position_key : layer.key, tape.position_key_tape, tape.position_keys);
  }
  if (spec_.relative.position_to_content) {
    project(layer.position_query ? *layer.position_query : layer.query, tape.position_query_tape,
            tape.position_queries);
  }
}

void LayerPass::relative_backward(const Step& step, LayerTape& tape) {
  if (step.relative == nullptr || spec_.relative.kind != RelativePositions::Kind::kDisentangled) return;
  const Layer& layer = *step.layer;
  const std::int64_t rows = step.relative->states.rows;
  const std::int64_t hidden = spec_.hidden_size;
  const auto dropped = read(tape.relative, rows, hidden);
  const auto d_dropped = view(d_relative_, rows, hidden);
  bool accumulate = false;
  const auto take = [&](const Linear& linear, LinearTape& linear_tape, const AlignedBuffer<float>& gradient) {
    linear_.backward(dropped,
                     std::array{LinearPass::Gradient{&linear, &linear_tape, read(gradient, rows, spec_.query_size())}},
                     d_dropped, accumulate, step.random);
    accumulate = true;
  };
  if (spec_.relative.content_to_position) {
    take(layer.position_key ? *layer.position_key : layer.key, tape.position_key_tape, d_position_keys_);
  }
  if (spec_.relative.position_to_content) {
    take(layer.position_query ? *layer.position_query : layer.query, tape.position_query_tape, d_position_queries_);
  }
  if (!accumulate) return;
  row_pass_.drop(dropout_.embeddings, step.random, place_of(step.index, Place::kRelative), d_dropped, hidden,
                 d_dropped);
  row_pass_.add(step.relative->d_states, d_dropped, hidden);
}

}  // namespace valence::train
