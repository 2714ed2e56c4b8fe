/// \file
/// The state of alerts as `valence alerts status` and `silence` find it.
#pragma once

#include <memory>

#include "valence/alert/alerter.h"
#include "valence/alert/saved_state.h"
#include "valence/cli/command.h"

namespace valence::cli {

struct AlertsState {
  alert::AlertSettings settings;
  alert::StateJournal journal;
  std::unique_ptr<alert::AlertBook> book;  ///< as the journal has it, at the present time
  alert::SavedState saved;
};

/// Reads the configuration and its state file, which is made where it is not there.
Result<AlertsState> open_alerts_state(const GlobalOptions& global);

}  // namespace valence::cli
