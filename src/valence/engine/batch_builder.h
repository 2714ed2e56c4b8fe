/// \file
/// Sequences of token ids -> one packed batch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "valence/model/backend.h"

namespace valence {

/// A packed batch under construction; reused, so that building allocates nothing once it has grown.
class BatchBuilder {
 public:
  void clear();
  /// Appends one sequence. Positions count from 0; `token_type_ids` is as long as `input_ids`, or empty: all 0. A batch
  /// of empty ones has none.
  void add(std::span<const std::int32_t> input_ids, std::span<const std::int32_t> token_type_ids);
  /// Views into this builder: valid until clear() or add().
  [[nodiscard]] PackedBatch batch() const;

 private:
  std::vector<std::int32_t> input_ids_;
  std::vector<std::int32_t> token_type_ids_;
  std::vector<std::int32_t> position_ids_;
  std::vector<std::int32_t> cu_seqlens_{0};
  std::int32_t max_seqlen_ = 0;
};

}  // namespace valence
