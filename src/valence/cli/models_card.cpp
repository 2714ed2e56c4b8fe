/// \file
/// `valence models card`: what the makers of a model say about it.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>

#include "valence/base/file.h"
#include "valence/cli/command.h"
#include "valence/cli/model_ref.h"
#include "valence/cli/terminal.h"
#include "valence/data/shown_text.h"
#include "valence/engine/default_model.h"
#include "valence/hub/model_card.h"

namespace valence::cli {
namespace {

constexpr std::uint64_t kMaxCardBytes = 4U << 20U;

Result<std::string> read_card(const std::string& ref) {
  VALENCE_TRY(const auto path, resolve_model(ref));
  if (!path) return std::string(default_model().model_card);
  std::error_code ignored;
  if (!std::filesystem::is_directory(*path, ignored)) {
    return fail(ErrorCode::kInvalidArgument, ref, "is one file, which has no card beside it",
                "give a model's directory or org/name");
  }
  auto text = read_file(*path / "README.md", kMaxCardBytes);
  if (!text && text.error().code() == ErrorCode::kNotFound) {
    return fail(ErrorCode::kNotFound, ref, "has no card (README.md)",
                "if it comes from the hub, fetch it with: valence models pull org/name");
  }
  return text;
}

/// The front matter as a table, then the text, for eyes: nothing in it moves the cursor.
std::string shown_card(const std::string& text) {
  const hub::ModelCard card = hub::parse_model_card(text);
  constexpr std::size_t kWidestKey = 24;
  std::size_t width = 0;
  for (const auto& [key, value] : card.front_matter)
    width = std::max(width, std::min(kWidestKey, data::display_width(data::visible(key))));
  std::string out;
  for (const auto& [key, value] : card.front_matter) {
    const std::string name = data::shown(key, kWidestKey, !is_dumb_terminal());
    out += fmt::format("{}{:{}}  {}\n", name, "", width - std::min(width, data::display_width(name)),
                       data::visible(value));
  }
  if (!out.empty()) out += '\n';
  data::append_visible(out, card.body, data::LineEnds::kKeep);
  if (!out.ends_with('\n')) out += '\n';
  return out;
}

ExitCode card(const std::string& ref) {
  const auto text = read_card(ref);
  if (!text) {
    print_error(text.error());
    return exit_code_for(text.error().code());
  }
  // In a pipe the file stays exact.
  return print_to_stdout(is_terminal(STDOUT_FILENO) ? shown_card(*text) : *text);
}

}  // namespace

Command add_models_card(CLI::App& models) {
  CLI::App* app = models.add_subcommand("card", "The model card: what its makers say it is for");
  app->footer(
      "Examples:\n  valence models card default\n  valence models card org/name\n  valence models card org/name > "
      "card.md");
  const auto ref = std::make_shared<std::string>(kDefaultModelName);
  app->add_option("model", *ref, "A model directory, org/name in the cache, or `default` [default]")->type_name("REF");
  return {.app = app, .run = [ref](const GlobalOptions&) { return card(*ref); }};
}

}  // namespace valence::cli
