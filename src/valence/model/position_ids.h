/// \file
/// Which row of its position table each token of a batch takes.
#pragma once

#include <cstdint>
#include <vector>

#include "valence/model/backend.h"
#include "valence/model/encoder_spec.h"

namespace valence {

/// Rows of the position table: they count from first_position in each sequence, and padding is not counted.
void number_positions(const PackedBatch& batch, const EncoderSpec& spec, std::vector<std::int32_t>& rows);

}  // namespace valence
