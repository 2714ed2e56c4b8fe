/// \file
/// How a model is to run.
#pragma once

#include <cstdint>
#include <vector>

#include "valence/kernels/dispatch.h"
#include "valence/precision.h"

namespace valence {

struct RunnerOptions {
  Precision precision = Precision::kAuto;
  /// Encoder layers (from 0) that run in fp32 whatever `precision` says: what costs accuracy in fewer bits.
  std::vector<std::int64_t> fp32_layers = {};
  const kernels::KernelTable* kernels = nullptr;  ///< null: what VALENCE_ISA or the CPU asks for
};

}  // namespace valence
