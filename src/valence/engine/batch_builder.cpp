#include "valence/engine/batch_builder.h"

#include <algorithm>
#include <numeric>

namespace valence {

void BatchBuilder::clear() {
  input_ids_.clear();
  token_type_ids_.clear();
  position_ids_.clear();
  cu_seqlens_.assign(1, 0);
  max_seqlen_ = 0;
}

void BatchBuilder::add(std::span<const std::int32_t> input_ids, std::span<const std::int32_t> token_type_ids) {
  if (!token_type_ids.empty()) token_type_ids_.resize(input_ids_.size());  // those before had none
  token_type_ids_.insert(token_type_ids_.end(), token_type_ids.begin(), token_type_ids.end());
  input_ids_.insert(input_ids_.end(), input_ids.begin(), input_ids.end());
  if (!token_type_ids_.empty()) token_type_ids_.resize(input_ids_.size());
  const std::size_t start = position_ids_.size();
  position_ids_.resize(input_ids_.size());
  std::iota(position_ids_.begin() + static_cast<std::ptrdiff_t>(start), position_ids_.end(), 0);
  cu_seqlens_.push_back(static_cast<std::int32_t>(input_ids_.size()));
  max_seqlen_ = std::max(max_seqlen_, static_cast<std::int32_t>(input_ids.size()));
}

PackedBatch BatchBuilder::batch() const {
  return {.input_ids = input_ids_,
          .token_type_ids = token_type_ids_,
          .position_ids = position_ids_,
          .cu_seqlens = cu_seqlens_,
          .max_seqlen = max_seqlen_};
}

}  // namespace valence
