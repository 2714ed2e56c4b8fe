/// \file
/// `valence data`: labelled data looked at, cleaned, split, balanced, labelled and converted.
#include <CLI/CLI.hpp>
#include <array>

#include "valence/cli/command.h"

namespace valence::cli {

Command add_data(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("data", "Prepare labelled data: look, clean, split, balance, label, convert");
  app->footer(
      "Examples:\n  valence data stats feedback.csv --label-column sentiment\n"
      "  valence data clean feedback.csv --label-column sentiment --keep comment,sentiment -o labeled_data.csv\n"
      "  valence data split labeled_data.csv --label-column sentiment -o splits/");
  app->require_subcommand(1);
  const std::array subcommands{add_data_stats(*app),   add_data_clean(*app), add_data_split(*app),
                               add_data_balance(*app), add_data_label(*app), add_data_convert(*app)};
  return {.app = app, .run = [subcommands](const GlobalOptions& global) {
            for (const Command& subcommand : subcommands) {
              if (subcommand.app->parsed()) return subcommand.run(global);
            }
            return ExitCode::kUsage;  // unreachable: the parser requires one
          }};
}

}  // namespace valence::cli
