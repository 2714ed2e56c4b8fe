#include "valence/bench/flop.h"

namespace valence::bench {
namespace {

/// Of one layer, for one token.
struct LayerFlop {
  double key_value;
  double rest;                  // query, output projection, feed-forward
  double attention_per_square;  // scores and their product with the values
};

LayerFlop layer_flop(const EncoderSpec& spec) {
  const double key_value = 4 * static_cast<double>(spec.hidden_size * spec.key_value_size());
  return {key_value, 2 * static_cast<double>(layer_parameters(spec)) - key_value,
          4 * static_cast<double>(spec.query_size())};
}

}  // namespace

double linear_flop_per_token(const EncoderSpec& spec) {
  const LayerFlop layer = layer_flop(spec);
  return static_cast<double>(spec.num_hidden_layers) * (layer.key_value + layer.rest);
}

double attention_flop_per_square(const EncoderSpec& spec) {
  return static_cast<double>(spec.num_hidden_layers) * layer_flop(spec).attention_per_square;
}

double nominal_flop(const EncoderSpec& spec, std::span<const std::uint32_t> lengths) {
  double flop = 0;
  for (const std::uint32_t tokens : lengths) {
    const double length = tokens;
    flop += linear_flop_per_token(spec) * length + attention_flop_per_square(spec) * length * length;
  }
  return flop;
}

double done_flop(const EncoderSpec& spec, std::span<const std::uint32_t> lengths) {
  const LayerFlop layer = layer_flop(spec);
  const auto whole_layers = static_cast<double>(spec.num_hidden_layers - 1);
  double flop = 0;
  for (const std::uint32_t tokens : lengths) {
    const double length = tokens;
    flop += whole_layers * ((layer.key_value + layer.rest) * length + layer.attention_per_square * length * length);
    flop += layer.key_value * length + layer.rest + layer.attention_per_square * length;
  }
  return flop;
}

}  // namespace valence::bench
