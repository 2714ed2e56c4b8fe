#include "valence/cli/alerts_state.h"

#include "valence/base/clock.h"
#include "valence/cli/alerts_config.h"
#include "valence/cli/config_file.h"

namespace valence::cli {

Result<AlertsState> open_alerts_state(const GlobalOptions& global) {
  VALENCE_TRY(const auto files, config_files(global.config));
  VALENCE_TRY(alert::AlertSettings settings, read_alert_settings(files));
  VALENCE_TRY(alert::StateJournal journal, alert::StateJournal::open(settings.state_file));
  auto book = std::make_unique<alert::AlertBook>(alert::AlertBook::Options{.rules = settings.rules,
                                                                           .timing = settings.timing,
                                                                           .begin_ms = SystemClock().unix_ms(),
                                                                           .new_id = alert::random_id});
  VALENCE_TRY(alert::SavedState saved, restore_all(journal, *book));
  return AlertsState{std::move(settings), std::move(journal), std::move(book), std::move(saved)};
}

}  // namespace valence::cli
