/// \file
/// `valence models`: what models there are, and what one is.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "valence/cli/command.h"
#include "valence/cli/model_ref.h"
#include "valence/cli/terminal.h"
#include "valence/data/shown_text.h"
#include "valence/engine/default_model.h"

namespace valence::cli {
namespace {

std::string describe(const ModelSpec& spec) {
  const EncoderSpec& encoder = spec.encoder;
  std::vector<std::string> labels;  // out of a file: shown, never obeyed by the terminal
  for (const std::string& label : spec.head.labels) {
    data::append_visible(labels.emplace_back(), label, data::LineEnds::kVisible);
  }
  return fmt::format(
      "architecture: {} ({} layers, hidden size {}, {} heads, feed-forward {})\n"
      "vocabulary:   {} tokens, texts of up to {}\n"
      "labels:       {}\n",
      spec.model_type, encoder.num_hidden_layers, encoder.hidden_size, encoder.num_attention_heads,
      encoder.intermediate_size, encoder.vocab_size, encoder.max_sequence_length(), fmt::join(labels, ", "));
}

ExitCode list() {
  return print_to_stdout("default  built in: sentiment of English text (negative, neutral, positive)\n");
}

ExitCode info(const std::string& ref) {
  const auto model = load_model_of(ref);
  if (!model) {
    print_error(model.error());
    return exit_code_for(model.error().code());
  }
  std::string text = describe(model->spec);
  if (ref == kDefaultModelName) text += fmt::format("\n{}", default_model().model_card);
  return print_to_stdout(text);
}

}  // namespace

Command add_models(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("models", "The models there are, and what one is");
  app->footer(
      "Examples:\n  valence models list\n  valence models info ./my-model\n"
      "  valence models quantize ./my-model --data dev.csv -o ./my-model-int8");
  app->require_subcommand(1);
  const CLI::App* list_app = app->add_subcommand("list", "Models that -m takes by name");
  CLI::App* info_app = app->add_subcommand("info", "Architecture and labels of a model; the card of the built-in one");
  info_app->footer("Examples:\n  valence models info default\n  valence models info ./my-model");
  const auto ref = std::make_shared<std::string>(kDefaultModelName);
  info_app->add_option("model", *ref, "A model directory, or `default`")->type_name("REF");
  const Command quantize = add_quantize(*app);
  return {.app = app, .run = [ref, list_app, quantize](const GlobalOptions& global) {
            if (quantize.app->parsed()) return quantize.run(global);
            return list_app->parsed() ? list() : info(*ref);
          }};
}

}  // namespace valence::cli
