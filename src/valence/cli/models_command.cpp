/// \file
/// `valence models`: which models there are, what they are, and how they come and go.
#include <CLI/CLI.hpp>

#include "valence/cli/command.h"

namespace valence::cli {

Command add_models(CLI::App& parent) {
  CLI::App* app =
      parent.add_subcommand("models", "The models there are: list, fetch, check, quantize, calibrate, convert, remove");
  app->footer(
      "Examples:\n  valence models list\n  valence models pull org/name       # then: valence classify -m org/name\n"
      "  valence models info ./my-model\n"
      "  valence models quantize ./my-model --data dev.csv -o ./my-model-int8\n"
      "  valence models calibrate ./my-model --data dev.csv\n"
      "  valence models convert ./my-model --to onnx -o ./my-model-onnx");
  return command_group(
      app, {add_models_list(*app), add_models_info(*app), add_models_card(*app), add_models_pull(*app),
            add_models_verify(*app), add_models_rm(*app), add_quantize(*app), add_convert(*app), add_calibrate(*app)});
}

}  // namespace valence::cli
