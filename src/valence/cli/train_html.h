/// \file
/// The page a training run leaves: its curves, its figures, its settings.
#pragma once

#include <string>
#include <vector>

#include "valence/base/error.h"
#include "valence/cli/train_card.h"

namespace valence::cli {

/// One file that asks for nothing else. `metrics` are the lines of metrics.jsonl. Errors: a line that is none.
Result<std::string> train_html(const train::BaseModel& base, const TrainArguments& arguments,
                               const TrainOptions& options, const TrainReport& report,
                               const std::vector<std::string>& metrics);

}  // namespace valence::cli
