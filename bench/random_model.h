/// \file
/// Classifiers of well-known shapes with seeded random weights: speed does not depend on their values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "valence/model/runner.h"

namespace valence::bench {

struct RandomModel {
  std::vector<std::byte> image;  ///< of its safetensors file; the runner reads in it
  std::unique_ptr<EncoderRunner> runner;
};

/// Of a DistilBERT with 12 heads and a feed-forward four times as wide as the hidden states.
struct RandomShape {
  std::int64_t num_hidden_layers = 0;
  std::int64_t hidden_size = 0;
  std::int64_t vocab_size = 30522;
};
inline constexpr RandomShape kDistilbertBase{.num_hidden_layers = 6, .hidden_size = 768};
inline constexpr RandomShape kMiniLmL6{.num_hidden_layers = 6, .hidden_size = 384};

Result<RandomModel> make_random_model(const RandomShape& shape, const RunnerOptions& options);

}  // namespace valence::bench
