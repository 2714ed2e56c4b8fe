/// \file
/// A run cut at any moment goes on from its last checkpoint: what learns, the optimizer's moments, and where the run
/// stood, in one file.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "valence/base/error.h"
#include "valence/train/base_model.h"
#include "valence/train/trainer.h"

namespace valence::train {

/// What must be the same for a run to be the same: options and data, as name and value.
using Fingerprint = std::vector<std::pair<std::string, std::string>>;

/// Writes `path` whole or not at all. After AdamW::finish().
Status save_run_state(const std::filesystem::path& path, BaseModel& model, Trainer& trainer,
                      const Fingerprint& fingerprint);

/// Puts model and trainer where they were. Errors: kInvalidArgument naming the first setting that is another than that
/// run's; a file that is no such state.
Status load_run_state(const std::filesystem::path& path, BaseModel& model, Trainer& trainer,
                      const Fingerprint& fingerprint);

}  // namespace valence::train
