/// \file
/// Rows to learn from or to be measured on, as token ids.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "valence/train/loss.h"

namespace valence::train {

struct Example {
  std::vector<std::int32_t> ids;
  std::vector<std::int32_t> type_ids;  ///< empty: all 0
  Target target;
  std::string place = {};  ///< "train.csv:17", for messages
};

/// The order of an epoch: a permutation of [0, count) that depends on `seed` and `epoch` alone.
[[nodiscard]] std::vector<std::uint32_t> shuffled(std::size_t count, std::uint64_t seed, std::int64_t epoch);

/// The same in batches of rows that are about as long as each other: shuffled, cut into blocks of fifty batches, each
/// sorted by length (transformers' LengthGroupedSampler), the longest first.
[[nodiscard]] std::vector<std::uint32_t> grouped_by_length(std::span<const Example> examples, std::int64_t batch_size,
                                                           std::uint64_t seed, std::int64_t epoch);

}  // namespace valence::train
