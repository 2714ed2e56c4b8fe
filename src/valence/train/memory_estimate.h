/// \file
/// What a training run will need, before it begins.
#pragma once

#include <cstdint>
#include <optional>

#include "valence/train/base_model.h"

namespace valence::train {

/// Bytes: values, gradients and moments of what learns, and what a batch of `tokens` leaves for its backward pass. An
/// upper bound within some tens of percent, table rows that no text has included.
[[nodiscard]] std::uint64_t training_bytes(const BaseModel& model, std::int64_t tokens, std::int64_t longest);

/// What the machine, or the control group, has left for this process; nothing where it does not say.
[[nodiscard]] std::optional<std::uint64_t> available_bytes();

}  // namespace valence::train
