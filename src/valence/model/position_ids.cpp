#include "valence/model/position_ids.h"

namespace valence {

void number_positions(const PackedBatch& batch, const EncoderSpec& spec, std::vector<std::int32_t>& rows) {
  rows.clear();
  for (std::size_t i = 1; i < batch.cu_seqlens.size(); ++i) {
    auto next = static_cast<std::int32_t>(spec.first_position);
    for (std::int32_t token = batch.cu_seqlens[i - 1]; token < batch.cu_seqlens[i]; ++token) {
      const bool is_padding = batch.input_ids[static_cast<std::size_t>(token)] == spec.padding_id;
      rows.push_back(is_padding ? spec.padding_id : next++);
    }
  }
}

}  // namespace valence
