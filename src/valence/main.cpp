/// \file
/// The program: parses the command line and runs one command.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <exception>

#include "valence/cli/command.h"
#include "valence/cli/settings.h"
#include "valence/cli/terminal.h"

namespace valence::cli {
namespace {

ExitCode usage_error(const std::string& what, const CLI::App& app) {
  const CLI::App* shown = &app;
  if (!app.get_subcommands().empty()) shown = app.get_subcommands().front();
  const std::string command = shown == &app ? "valence" : fmt::format("valence {}", shown->get_name());
  print_error(Error(ErrorCode::kInvalidArgument, "", what, fmt::format("{} --help lists what it takes", command)));
  return ExitCode::kUsage;
}

ExitCode run(int argc, char** argv) {
  CLI::App app("valence labels texts on this machine: sentiment out of the box, any Hugging Face encoder by -m.",
               "valence");
  app.set_version_flag("--version", fmt::format("valence {}", VALENCE_VERSION));
  app.footer("Examples:\n  valence classify -t \"not bad at all\"\n  valence classify reviews.csv -o labelled.csv\n"
             "  valence models info default");
  app.require_subcommand(0, 1);
  app.fallthrough();

  GlobalOptions global;
  std::string color = "auto";
  app.add_flag("-q,--quiet", global.quiet, "No progress, notes or warnings");
  app.add_option("--color", color, "auto, always or never [auto]")->type_name("WHEN");
  std::string config;
  app.add_option("--config", config, "A TOML file of settings, e.g. [classify] threads = 2")->type_name("FILE");
  const std::array commands{add_classify(app), add_models(app)};

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    return app.exit(asked) == 0 ? ExitCode::kOk : ExitCode::kInternal;
  } catch (const CLI::ParseError& wrong) {
    return usage_error(wrong.what(), app);
  }
  const auto color_mode = parse_color_mode(color);
  if (!color_mode) return usage_error(fmt::format("--color: \"{}\" is not one of auto, always, never", color), app);
  set_message_color(*color_mode);
  for (const Command& command : commands) {
    if (!command.app->parsed()) continue;
    std::vector<std::string> names;
    for (const Command& each : commands) names.push_back(each.app->get_name());
    const Status set = config_files(config).and_then(
        [&](const auto& files) { return apply_settings(*command.app, files, names); });
    if (!set) {
      print_error(set.error());
      return exit_code_for(set.error().code());
    }
    return command.run(global);
  }
  std::fputs(app.help().c_str(), stderr);
  return ExitCode::kUsage;
}

}  // namespace
}  // namespace valence::cli

int main(int argc, char** argv) {
  try {
    return static_cast<int>(valence::cli::run(argc, argv));
  } catch (const std::bad_alloc&) {
    valence::cli::print_error({valence::ErrorCode::kOverloaded, "", "out of memory", "try a smaller --batch-tokens"});
    return static_cast<int>(valence::cli::ExitCode::kOverloaded);
  } catch (const std::exception& bug) {
    valence::cli::print_error({valence::ErrorCode::kInternal, "", fmt::format("internal error: {}", bug.what()),
                               "please report this"});
    return static_cast<int>(valence::cli::ExitCode::kInternal);
  }
}
