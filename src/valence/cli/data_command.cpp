/// \file
/// `valence data`: labelled data looked at, cleaned, split, balanced, labelled and converted.
#include <CLI/CLI.hpp>

#include "valence/cli/command.h"

namespace valence::cli {

Command add_data(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("data", "Prepare labelled data: look, clean, split, balance, label, convert");
  app->footer(
      "Examples:\n  valence data stats feedback.csv --label-column sentiment\n"
      "  valence data clean feedback.csv --label-column sentiment --keep comment,sentiment -o labeled_data.csv\n"
      "  valence data split labeled_data.csv --label-column sentiment -o splits/");
  return command_group(app, {add_data_stats(*app), add_data_clean(*app), add_data_split(*app), add_data_balance(*app),
                             add_data_label(*app), add_data_convert(*app)});
}

}  // namespace valence::cli
