/// \file
/// What a head reads of each text, from an encoder that does not learn: computed once, by the kernels of inference.
#pragma once

#include <atomic>
#include <functional>
#include <span>
#include <vector>

#include "valence/base/error.h"
#include "valence/base/thread_pool.h"
#include "valence/precision.h"
#include "valence/train/base_model.h"
#include "valence/train/examples.h"

namespace valence::train {

struct PooledOptions {
  Precision precision = Precision::kFp32;
  const std::atomic<bool>* stop = nullptr;  ///< raised: kCancelled
  /// Called from any worker, one at a time: texts done.
  std::function<void(std::size_t)> on_progress = nullptr;
};

/// [examples, hidden_size], without dropout.
Result<std::vector<float>> pooled_states(const BaseModel& model, std::span<const Example> examples, ThreadPool& pool,
                                         const PooledOptions& options);

}  // namespace valence::train
