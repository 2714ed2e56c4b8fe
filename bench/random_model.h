/// \file
/// Classifiers of well-known shapes with seeded random weights: speed does not depend on their values.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "valence/model/runner.h"

namespace valence::bench {

struct RandomModel {
  std::vector<std::byte> image;  ///< of its safetensors file; the runner reads in it
  std::unique_ptr<EncoderRunner> runner;
};

enum class RandomShape {
  kDistilbert,  ///< DistilBERT-base: 6 layers, hidden size 768, 12 heads, feed-forward 3072
  kMiniLm,      ///< MiniLM-L6: 6 layers, hidden size 384, 12 heads, feed-forward 1536 (as a DistilBERT)
};

Result<RandomModel> make_random_model(RandomShape shape, const RunnerOptions& options);

}  // namespace valence::bench
