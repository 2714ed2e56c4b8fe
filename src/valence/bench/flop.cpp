#include "valence/bench/flop.h"

#include <algorithm>

namespace valence::bench {
namespace {

/// Of one layer.
struct LayerFlop {
  double key_value;           // for one token
  double rest;                // for one token: query, output projection, feed-forward
  double attention_per_pair;  // of query and key: the score and the value's share
};

LayerFlop layer_flop(const EncoderSpec& spec) {
  const double key_value = 4 * static_cast<double>(spec.hidden_size * spec.key_value_size());
  return {key_value, 2 * static_cast<double>(layer_parameters(spec)) - key_value,
          4 * static_cast<double>(spec.query_size())};
}

/// How far a token of the layer sees, at most the whole text.
double reach(const EncoderSpec& spec, std::int64_t layer, double length) {
  if (spec.layer_attention.empty()) return length - 1;
  const std::int64_t window = spec.layer_attention[static_cast<std::size_t>(layer)].window;
  return window < 0 ? length - 1 : std::min(static_cast<double>(window), length - 1);
}

/// Pairs of a query and a key that it sees, in a text of `length` tokens: itself, and one or two for each distance.
double seen_pairs(const EncoderSpec& spec, std::int64_t layer, double length) {
  const double far = reach(spec, layer, length);
  const double one_side = far * length - far * (far + 1) / 2;
  return length + (spec.causal ? 1 : 2) * one_side;
}

}  // namespace

double linear_flop_per_token(const EncoderSpec& spec) {
  const LayerFlop layer = layer_flop(spec);
  return static_cast<double>(spec.num_hidden_layers) * (layer.key_value + layer.rest);
}

double attention_flop_per_square(const EncoderSpec& spec) {
  return static_cast<double>(spec.num_hidden_layers) * layer_flop(spec).attention_per_pair;
}

double nominal_flop(const EncoderSpec& spec, std::span<const std::uint32_t> lengths) {
  const LayerFlop flop = layer_flop(spec);
  double sum = 0;
  for (const std::uint32_t length : lengths) {
    sum += linear_flop_per_token(spec) * length;
    for (std::int64_t layer = 0; layer < spec.num_hidden_layers; ++layer) {
      sum += flop.attention_per_pair * seen_pairs(spec, layer, length);
    }
  }
  return sum;
}

double done_flop(const EncoderSpec& spec, std::span<const std::uint32_t> lengths) {
  const LayerFlop flop = layer_flop(spec);
  const std::int64_t last = spec.num_hidden_layers - 1;
  double sum = 0;
  for (const std::uint32_t length : lengths) {
    sum += static_cast<double>(last) * (flop.key_value + flop.rest) * length;
    for (std::int64_t layer = 0; layer < last; ++layer) {
      sum += flop.attention_per_pair * seen_pairs(spec, layer, length);
    }
    sum += flop.key_value * length + flop.rest + flop.attention_per_pair * (reach(spec, last, length) + 1);
  }
  return sum;
}

}  // namespace valence::bench
