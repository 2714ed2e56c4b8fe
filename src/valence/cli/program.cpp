#include "valence/cli/program.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "valence/cli/option_table.h"

namespace valence::cli {
namespace {

/// Help with the examples before the options: most people come for those.
class ExamplesFirst : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    if (mode == CLI::AppFormatMode::Sub) return CLI::Formatter::make_help(app, name, mode);
    return fmt::format("{}\n{}\n\n{}{}{}{}", app->get_description(), app->get_footer(),
                       make_usage(app, full_name(*app)), make_positionals(app), make_groups(app, mode),
                       make_subcommands(app, mode));
  }
};

}  // namespace

Program::Program()
    : app(std::make_unique<CLI::App>(
          "valence labels texts on this machine: sentiment out of the box, any Hugging Face encoder by -m.",
          "valence")) {
  app->set_version_flag("--version", fmt::format("valence {}", VALENCE_VERSION));
  app->footer(
      "Examples:\n  valence classify -t \"not bad at all\"\n  valence classify reviews.csv -o labelled.csv\n"
      "  valence models info default");
  app->require_subcommand(0, 1);
  app->fallthrough();
  app->formatter(std::make_shared<ExamplesFirst>());
  app->add_flag("-q,--quiet", global.quiet, "No progress, notes or warnings");
  app->add_option("--color", color, "auto, always or never [auto]")->type_name("WHEN");
  app->add_option("--config", global.config, "A TOML file of settings, e.g. [classify] threads = 2")->type_name("FILE");
  for (auto* add : {add_classify, add_tokenize, add_models, add_train, add_eval, add_data, add_serve, add_history,
                    add_feedback, add_alerts, add_bench, add_doctor, add_config, add_completion, add_man}) {
    commands.push_back(add(*app));
  }
}

Program::~Program() = default;

std::vector<std::string> Program::config_tables() const {
  std::vector<std::string> tables{"alerts"};
  for (const OptionSection& section : option_sections(*app)) tables.push_back(section.name);
  return tables;
}

std::string full_name(const CLI::App& command) {
  const CLI::App* const parent = command.get_parent();
  return parent == nullptr ? command.get_name() : full_name(*parent) + " " + command.get_name();
}

const Command* command_of(const std::vector<Command>& commands, const CLI::App& app) {
  for (const Command& command : commands) {
    if (command.app == &app) return &command;
    if (const Command* below = command_of(command.subcommands, app)) return below;
  }
  return nullptr;
}

}  // namespace valence::cli
