#include "valence/model/onnx/attention_graph.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>
#include <vector>

#include "valence/model/encoder_attention.h"

namespace valence::onnx {
namespace {

constexpr auto kFloat = static_cast<std::int64_t>(OnnxType::kFloat);
constexpr auto kBool = static_cast<std::int64_t>(OnnxType::kBool);
constexpr std::int64_t kAllThatFollow = std::numeric_limits<std::int64_t>::max();

using Integers = std::vector<std::int64_t>;

std::vector<const LinearWeights*> if_there(const LinearWeights* weights) {
  return weights == nullptr ? std::vector<const LinearWeights*>{} : std::vector<const LinearWeights*>{weights};
}

}  // namespace

std::string AttentionGraph::transposed(const std::string& input, const std::string& path, Integers order) {
  return graph_.node("Transpose", path, {input}, {{"perm", std::move(order)}});
}

std::string AttentionGraph::token_range() {
  const std::string shape = graph_.node("Shape", "/positions/Shape", {"input_ids"});
  const std::string tokens =
      graph_.node("Gather", "/positions/Gather", {shape, graph_.scalar("one_integer", std::int64_t{1})},
                  {{"axis", std::int64_t{0}}});
  return graph_.node("Range", "/positions/Range",
                     {graph_.scalar("zero", std::int64_t{0}), tokens, graph_.scalar("one_integer", std::int64_t{1})});
}

/// [tokens, tokens]: the query's position less the key's.
std::string AttentionGraph::distances() {
  const std::string range = token_range();
  const std::string queries = graph_.node("Unsqueeze", "/distances/Unsqueeze", {range, axis(1)});
  const std::string keys = graph_.node("Unsqueeze", "/distances/Unsqueeze_1", {range, axis(0)});
  return graph_.node("Sub", "/distances/Sub", {queries, keys});
}

/// What is added to scores: 0 where a query sees a key, the least number elsewhere. [batch, 1, 1 or tokens, tokens].
std::string AttentionGraph::mask(std::int64_t window) {
  const EncoderSpec& encoder = spec_.encoder;
  const std::string wide =
      graph_.node("Unsqueeze", "/mask/Unsqueeze", {"attention_mask", graph_.integers("mask_axes", {1, 2})});
  const std::string least = graph_.scalar("least", -std::numeric_limits<float>::max());
  if (!encoder.causal && window < 0) {
    const std::string cast = graph_.node("Cast", "/mask/Cast", {wide}, {{"to", kFloat}});
    const std::string padding = graph_.node("Sub", "/mask/Sub", {graph_.scalar("one", 1.0F), cast});
    return graph_.node("Mul", "/mask/Mul", {padding, least});
  }
  // One addend for all reasons: the sum of two least numbers would be minus infinity, and a row of those no softmax.
  std::string sees = graph_.node("Cast", "/mask/Cast_1", {wide}, {{"to", kBool}});
  const std::string path = fmt::format("/mask/{}", window < 0 ? "all" : fmt::format("window.{}", window));
  const auto restrict_to = [&](const std::string& name, const std::string& seen) {
    sees = graph_.node("And", path + name, {sees, seen});
  };
  if (encoder.causal) {
    restrict_to("/And", graph_.node("GreaterOrEqual", "/mask/GreaterOrEqual",
                                    {distances(), graph_.scalar("zero", std::int64_t{0})}));
  }
  if (window >= 0) {
    const std::string apart = graph_.node("Abs", "/distances/Abs", {distances()});
    const std::string bound = graph_.scalar(fmt::format("window_{}", window), window);
    restrict_to("/And_1", graph_.node("LessOrEqual", path + "/LessOrEqual", {apart, bound}));
  }
  return graph_.node("Where", path + "/Where", {sees, graph_.scalar("nothing", 0.0F), least});
}

/// [batch, tokens, heads * head_size] -> [batch, tokens, heads, head_size]
std::string AttentionGraph::heads(const std::string& input, const std::string& path, std::int64_t count) {
  const std::string shape =
      graph_.integers(fmt::format("heads_shape_{}", count), {0, 0, count, spec_.encoder.head_size()});
  return graph_.node("Reshape", path + "/Reshape", {input, shape});
}

AttentionGraph::Projections AttentionGraph::projections(std::int64_t index, const std::string& module,
                                                        const std::string& input) {
  const EncoderSpec& encoder = spec_.encoder;
  const LayerWeights* const weights = layer_weights(index);
  const std::int64_t queries = encoder.query_size();
  const std::int64_t keys = encoder.key_value_size();
  const auto in_layer = [&](std::string_view name) { return fmt::format("{}.{}", module, name); };
  const auto path_of = [&](std::string_view name) { return node_path(in_layer(name)) + fmt::format(".{}", index); };
  const bool has_bias = encoder.biases.qkv;
  Projections made;
  if (names_.qkv.empty()) {
    const auto project = [&](std::string_view name, std::int64_t size, const LinearWeights* own) {
      return parameters_.linear({in_layer(name), encoder.hidden_size, size, has_bias, if_there(own)}, input);
    };
    made.query = project(names_.query, queries, weights == nullptr ? nullptr : &weights->query);
    made.key = project(names_.key, keys, weights == nullptr ? nullptr : &weights->key);
    made.value = project(names_.value, keys, weights == nullptr ? nullptr : &weights->value);
  } else {
    std::vector<const LinearWeights*> stacked;
    if (weights != nullptr) stacked = {&weights->query, &weights->key, &weights->value};
    const std::string all = parameters_.linear(
        {in_layer(names_.qkv), encoder.hidden_size, queries + 2 * keys, has_bias, std::move(stacked)}, input);
    std::int64_t begin = 0;
    for (auto [part, size] : {std::pair(&made.query, queries), {&made.key, keys}, {&made.value, keys}}) {
      const std::string path = fmt::format("{}/Slice.{}", path_of(names_.qkv), begin);
      *part = graph_.node("Slice", path, {all, axis(begin), axis(begin + size), axis(2)});
      begin += size;
    }
  }
  const auto split = [&](std::string& states, std::string_view role, std::int64_t count) {
    states = heads(states, path_of(role), count);
  };
  split(made.query, "query", encoder.num_attention_heads);
  split(made.key, "key", encoder.key_value_heads());
  split(made.value, "value", encoder.key_value_heads());
  if (encoder.head_norms) {
    const auto normalise = [&](std::string& states, std::string_view name,
                               const std::optional<LayerNormWeights> LayerWeights::*own) {
      states = parameters_.norm({in_layer(name), encoder.head_size(), encoder.norm_kind, encoder.layer_norm_eps,
                                 encoder.biases.norm, weights == nullptr ? nullptr : &*(weights->*own)},
                                states, path_of(name));
    };
    normalise(made.query, names_.query_norm, &LayerWeights::query_norm);
    normalise(made.key, names_.key_norm, &LayerWeights::key_norm);
  }
  return made;
}

/// [tokens, head_size] each: the angles of a pair stand half a head apart.
std::pair<std::string, std::string> AttentionGraph::cos_sin(const RotarySpec& rotary) {
  const std::int64_t pairs = spec_.encoder.head_size() / 2;
  std::vector<float> frequencies;
  for (std::int64_t i = 0; i < pairs; ++i) {
    frequencies.push_back(inverse_frequency(rotary, spec_.encoder.head_size(), i));
  }
  // Two RotarySpecs of a model differ in their theta at least.
  const std::string path = fmt::format("/rotary.{}.{}", rotary.theta, rotary.factor);
  const std::string table =
      graph_.tensor(path + "/frequencies", OnnxType::kFloat, {1, pairs}, std::as_bytes(std::span(frequencies)));
  const std::string range = graph_.node("Cast", "/positions/Cast_1", {token_range()}, {{"to", kFloat}});
  const std::string column = graph_.node("Unsqueeze", "/positions/Unsqueeze_1", {range, axis(1)});
  const std::string half = graph_.node("Mul", path + "/Mul", {column, table});
  const std::string angles = graph_.node("Concat", path + "/Concat", {half, half}, {{"axis", std::int64_t{1}}});
  return {graph_.node("Cos", path + "/Cos", {angles}), graph_.node("Sin", path + "/Sin", {angles})};
}

/// x cos + (-second half, first half) sin, for x of [batch, heads, tokens, head_size]. Source: Su et al. 2021, eq. 34,
/// with the pairs of transformers' rotate_half.
std::string AttentionGraph::rotated(const std::string& input, const std::string& path, const RotarySpec& rotary) {
  const std::int64_t pairs = spec_.encoder.head_size() / 2;
  const auto [cos, sin] = cos_sin(rotary);
  const std::string end = graph_.integers("all_that_follow", {kAllThatFollow});
  const std::string first = graph_.node("Slice", path + "/Slice", {input, axis(0), axis(pairs), axis(3)});
  const std::string second = graph_.node("Slice", path + "/Slice_1", {input, axis(pairs), end, axis(3)});
  const std::string turned = graph_.node(
      "Concat", path + "/Concat", {graph_.node("Neg", path + "/Neg", {second}), first}, {{"axis", std::int64_t{-1}}});
  return graph_.node(
      "Add", path + "/Add",
      {graph_.node("Mul", path + "/Mul", {input, cos}), graph_.node("Mul", path + "/Mul_1", {turned, sin})});
}

/// [batch, key heads, tokens, head_size] -> [batch, heads, tokens, head_size]: each serves several in a row.
std::string AttentionGraph::for_each_query_head(const std::string& input, const std::string& path) {
  const EncoderSpec& encoder = spec_.encoder;
  const std::int64_t repeats = encoder.num_attention_heads / encoder.key_value_heads();
  if (repeats == 1) return input;
  const std::string apart = graph_.node("Unsqueeze", path + "/Unsqueeze", {input, axis(2)});
  const std::string many =
      graph_.node("Expand", path + "/Expand", {apart, graph_.integers("head_repeats", {1, 1, repeats, 1, 1})});
  const std::string shape =
      graph_.integers("repeated_shape", {0, encoder.num_attention_heads, -1, encoder.head_size()});
  return graph_.node("Reshape", path + "/Reshape_1", {many, shape});
}

/// INT64 [tokens, tokens]: the row of the relative table for query and key, or for key and query. A stored list has
/// the row of every distance that a text can have, so that no node says how distances fall into buckets.
std::string AttentionGraph::relative_rows(bool turned) {
  const std::int64_t longest = spec_.encoder.max_sequence_length();
  Integers rows;
  for (std::int64_t distance = 1 - longest; distance < longest; ++distance) {
    rows.push_back(relative_row(spec_.encoder.relative, distance));
  }
  const std::string list = graph_.integers("relative_rows", rows);
  const std::string places =
      graph_.node("Add", "/distances/Add", {distances(), graph_.scalar("distance_zero", longest - 1)});
  const std::string all = graph_.node("Gather", "/distances/Gather", {list, places}, {{"axis", std::int64_t{0}}});
  return turned ? transposed(all, "/distances/Transpose", {1, 0}) : all;
}

/// [1, heads, tokens, tokens], the same for all layers.
std::string AttentionGraph::bias_by_distance() {
  const EncoderSpec& encoder = spec_.encoder;
  const MatrixView* const table = weights_ == nullptr ? nullptr : &*weights_->embeddings.relative;
  const std::string rows = parameters_.rows_of(
      {std::string(names_.relative_embeddings), encoder.relative.buckets, encoder.num_attention_heads, table},
      relative_rows(false));
  return graph_.node("Unsqueeze", "/relative/Unsqueeze", {transposed(rows, "/relative/Transpose", {2, 0, 1}), axis(0)});
}

/// Keys or queries of the relative table: [1, heads, head_size, rows].
std::string AttentionGraph::position_heads(std::int64_t index, const std::string& module, std::string_view own,
                                           std::string_view shared, bool of_keys) {
  const EncoderSpec& encoder = spec_.encoder;
  const std::int64_t rows = encoder.relative.table_rows();
  const EmbeddingWeights* const embeddings = weights_ == nullptr ? nullptr : &weights_->embeddings;
  std::string table = parameters_.whole({std::string(names_.relative_embeddings), rows, encoder.hidden_size,
                                         embeddings == nullptr ? nullptr : &*embeddings->relative});
  if (encoder.relative.normalised) {
    table = parameters_.norm(
        {std::string(names_.relative_norm), encoder.hidden_size, encoder.norm_kind, encoder.layer_norm_eps,
         encoder.biases.norm, embeddings == nullptr ? nullptr : &*embeddings->relative_norm},
        table, "/relative");
  }
  const bool shares = encoder.relative.shares_projections;
  const std::string name = fmt::format("{}.{}", module, shares ? shared : own);
  const LinearWeights* linear = nullptr;
  if (const LayerWeights* const weights = layer_weights(index)) {
    const auto& apart = of_keys ? weights->position_key : weights->position_query;
    linear = !shares ? &*apart : of_keys ? &weights->key : &weights->query;
  }
  const std::string states =
      parameters_.linear({name, encoder.hidden_size, encoder.query_size(), true, if_there(linear)}, table);
  const std::string path = fmt::format("{}.positions.{}", node_path(name), index);
  const std::string shape =
      graph_.integers("position_heads_shape", {1, rows, encoder.num_attention_heads, encoder.head_size()});
  return transposed(graph_.node("Reshape", path + "/Reshape", {states, shape}), path + "/Transpose", {0, 2, 3, 1});
}

/// Of `states` times `positions`, [batch, heads, tokens, rows], for each pair of tokens the one of their distance.
std::string AttentionGraph::position_scores(const std::string& path, const std::string& states,
                                            const std::string& positions, bool turned) {
  const std::string products = graph_.node("MatMul", path + "/MatMul", {states, positions});
  const std::string shape = graph_.node("Shape", path + "/Shape", {states});
  const std::string outer = graph_.node("Slice", path + "/Slice", {shape, axis(0), axis(3), axis(0)});
  const std::string tokens = graph_.node("Slice", path + "/Slice_1", {shape, axis(2), axis(3), axis(0)});
  const std::string square = graph_.node("Concat", path + "/Concat", {outer, tokens}, {{"axis", std::int64_t{0}}});
  const std::string rows = graph_.node("Expand", path + "/Expand", {relative_rows(turned), square});
  return graph_.node("GatherElements", path + "/GatherElements", {products, rows}, {{"axis", std::int64_t{-1}}});
}

/// What queries make of the places of keys, and keys of those of queries. Source: He et al. 2020, eq. 4.
std::string AttentionGraph::disentangled(std::int64_t index, const std::string& module, const std::string& query,
                                         const std::string& key, float scale) {
  const RelativePositions& relative = spec_.encoder.relative;
  const std::string path = fmt::format("{}/relative.{}", node_path(module), index);
  const std::string factor = graph_.scalar("attention_scale", scale);
  std::string sum;
  if (relative.content_to_position) {
    const std::string positions = position_heads(index, module, names_.position_key, names_.key, true);
    sum = graph_.node("Mul", path + "/Mul", {position_scores(path + "/keys", query, positions, false), factor});
  }
  if (relative.position_to_content) {
    const std::string positions = position_heads(index, module, names_.position_query, names_.query, false);
    const std::string scores =
        transposed(position_scores(path + "/queries", key, positions, true), path + "/Transpose", {0, 1, 3, 2});
    const std::string scaled = graph_.node("Mul", path + "/Mul_1", {scores, factor});
    sum = sum.empty() ? scaled : graph_.node("Add", path + "/Add", {sum, scaled});
  }
  return sum;
}

std::string AttentionGraph::block(std::int64_t index, const std::string& module, const std::string& input) {
  const EncoderSpec& encoder = spec_.encoder;
  const RelativePositions& relative = encoder.relative;
  const std::string path = fmt::format("{}/attention.{}", node_path(module), index);
  const LayerAttention own =
      encoder.layer_attention.empty() ? LayerAttention{} : encoder.layer_attention[static_cast<std::size_t>(index)];
  Projections states = projections(index, module, input);
  states.query = transposed(states.query, path + "/query/Transpose", {0, 2, 1, 3});
  states.key = transposed(states.key, path + "/key/Transpose", {0, 2, 1, 3});
  states.value = transposed(states.value, path + "/value/Transpose", {0, 2, 1, 3});
  if (own.rotary) {
    states.query = rotated(states.query, path + "/query", *own.rotary);
    states.key = rotated(states.key, path + "/key", *own.rotary);
  }
  states.key = for_each_query_head(states.key, path + "/key");
  states.value = for_each_query_head(states.value, path + "/value");

  std::int64_t terms = 1;
  if (relative.kind == RelativePositions::Kind::kDisentangled) {
    terms += (relative.content_to_position ? 1 : 0) + (relative.position_to_content ? 1 : 0);
  }
  const auto scale = static_cast<float>(1 / std::sqrt(static_cast<double>(encoder.head_size() * terms)));
  const std::string keys = transposed(states.key, path + "/key/Transpose_1", {0, 1, 3, 2});
  const std::string products = graph_.node("MatMul", path + "/scores/MatMul", {states.query, keys});
  std::string scores = graph_.node("Mul", path + "/scores/Mul", {products, graph_.scalar("attention_scale", scale)});
  if (relative.kind == RelativePositions::Kind::kBias) {
    scores = graph_.node("Add", path + "/scores/Add_1", {scores, bias_by_distance()});
  } else if (terms > 1) {
    scores = graph_.node("Add", path + "/scores/Add_1",
                         {scores, disentangled(index, module, states.query, states.key, scale)});
  }
  const std::string masked = graph_.node("Add", path + "/scores/Add", {scores, mask(own.window)});
  const std::string shares = graph_.node("Softmax", path + "/scores/Softmax", {masked}, {{"axis", std::int64_t{-1}}});
  const std::string context = graph_.node("MatMul", path + "/context/MatMul", {shares, states.value});
  const std::string joined = graph_.node("Reshape", path + "/context/Reshape",
                                         {transposed(context, path + "/context/Transpose", {0, 2, 1, 3}),
                                          graph_.integers("joined_shape", {0, 0, encoder.query_size()})});
  const LayerWeights* const weights = layer_weights(index);
  return parameters_.linear(
      {fmt::format("{}.{}", module, names_.attention_output), encoder.query_size(), encoder.hidden_size,
       encoder.biases.attention_output, if_there(weights == nullptr ? nullptr : &weights->attention_output)},
      joined);
}

}  // namespace valence::onnx
