/// \file
/// `valence alerts`: rules tried on history, receivers tried out, what fires, what is silenced.
#include <CLI/CLI.hpp>

#include "valence/cli/command.h"

namespace valence::cli {

Command add_alerts(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("alerts", "Alert rules: try them on history, test receivers, status, silences");
  app->footer(
      "Examples:\n  valence alerts check history.csv --rule \"negative > 10% of last 100\"\n"
      "  valence alerts test slack --dry-run\n  valence alerts status\n"
      "  valence alerts silence --for 2h --comment \"release day\"");
  return command_group(
      app, {add_alerts_check(*app), add_alerts_test(*app), add_alerts_status(*app), add_alerts_silence(*app)});
}

}  // namespace valence::cli
