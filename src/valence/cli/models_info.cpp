/// \file
/// `valence models info`: what one model is.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "valence/cli/cached_model.h"
#include "valence/cli/command.h"
#include "valence/cli/model_ref.h"
#include "valence/cli/quantities.h"
#include "valence/cli/terminal.h"
#include "valence/data/shown_text.h"
#include "valence/engine/default_model.h"

namespace valence::cli {
namespace {

std::string visible_labels(const std::vector<std::string>& labels) {
  std::vector<std::string> visible;  // out of a file: shown, never obeyed by the terminal
  for (const std::string& label : labels) visible.push_back(data::visible(label));
  return fmt::format("{}", fmt::join(visible, ", "));
}

std::string describe(const ModelSpec& spec) {
  const EncoderSpec& encoder = spec.encoder;
  return fmt::format(
      "architecture: {} ({} layers, hidden size {}, {} heads, feed-forward {})\n"
      "vocabulary:   {} tokens, texts of up to {}\n"
      "labels:       {}\n",
      spec.model_type, encoder.num_hidden_layers, encoder.hidden_size, encoder.num_attention_heads,
      encoder.intermediate_size, encoder.vocab_size, encoder.max_position_embeddings, visible_labels(spec.head.labels));
}

std::string describe(const ModelTraits& traits) {
  return fmt::format("architecture: {}\nlabels:       {}\n",
                     traits.model_type.empty() ? "unknown" : data::visible(traits.model_type),
                     traits.labels.empty() ? "unknown" : visible_labels(traits.labels));
}

std::string describe(const hub::CachedSnapshot& snapshot) {
  std::string text = fmt::format("hub:          {}, commit {}\n", snapshot.repo, snapshot.commit);
  if (!snapshot.refs.empty()) text += fmt::format("revisions:    {}\n", visible_labels(snapshot.refs));
  text +=
      fmt::format("directory:    {}\nlast used:    {}\nfiles:        {} of {}\n", data::visible(snapshot.path.string()),
                  utc_time(snapshot.last_used()), snapshot.files.size(), megabytes(snapshot.size_bytes()));
  for (const hub::CachedFile& file : snapshot.files) {
    text += fmt::format("{:>12}  {}\n", file.size_bytes ? megabytes(*file.size_bytes) : "missing",
                        data::visible(file.name));
  }
  return text;
}

/// Of a model in the cache everything is shown that can be read, also where it cannot be used.
ExitCode info_of_cached(const hub::CachedSnapshot& snapshot) {
  const auto model = load_model_of(snapshot.path.string());
  const ModelTraits traits = examine_model(snapshot.path);
  const std::string what = model ? describe(model->spec) : describe(traits);
  const ExitCode printed = print_to_stdout(what + describe(snapshot));
  if (printed != ExitCode::kOk || !traits.refusal) return printed;
  print_error(*traits.refusal);
  return exit_code_for(traits.refusal->code());
}

ExitCode info(const std::string& ref) {
  if (const auto snapshot = find_cached(ref); snapshot && *snapshot) return info_of_cached(**snapshot);
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

Command add_models_info(CLI::App& models) {
  CLI::App* app =
      models.add_subcommand("info", "Architecture and labels of a model, and its files if it is in the cache");
  app->footer(
      "Examples:\n  valence models info default\n  valence models info ./my-model\n  valence models info org/name");
  const auto ref = std::make_shared<std::string>(kDefaultModelName);
  app->add_option("model", *ref, "A model directory, a GGUF file, org/name in the cache, or `default`")
      ->type_name("REF");
  return {.app = app, .run = [ref](const GlobalOptions&) { return info(*ref); }};
}

}  // namespace valence::cli
