/// \file
/// A DistilBERT-base classifier with seeded random weights: speed does not depend on their values.
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

Result<RandomModel> make_random_distilbert();

}  // namespace valence::bench
