/// \file
/// The program: parses the command line and runs one command.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "valence/cli/command.h"
#include "valence/cli/settings.h"
#include "valence/cli/terminal.h"

namespace valence::cli {
namespace {

/// Commands of the contract that this version does not have: told apart from a typing error.
constexpr std::array kLaterCommands{"train",    "eval",   "data",     "serve",  "stream",    "history",
                                    "feedback", "alerts", "tokenize", "config", "completion"};

/// Help with the examples before the options: most people come for those.
class ExamplesFirst : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    if (mode == CLI::AppFormatMode::Sub) return CLI::Formatter::make_help(app, name, mode);
    const std::string parent = app->get_parent() == nullptr ? "" : app->get_parent()->get_name() + " ";
    return fmt::format("{}\n{}\n\n{}{}{}{}", app->get_description(), app->get_footer(),
                       make_usage(app, parent + app->get_name()), make_positionals(app), make_groups(app, mode),
                       make_subcommands(app, mode));
  }
};

Error usage_error(std::string what, const CLI::App& command) {
  const std::string parent = command.get_parent() == nullptr ? "" : command.get_parent()->get_name() + " ";
  return {ErrorCode::kInvalidArgument, "", std::move(what),
          fmt::format("{}{} --help lists what it takes", parent, command.get_name())};
}

/// About the first word that nothing claimed.
Error unexpected_word(const std::string& word, const CLI::App& command) {
  if (command.get_parent() == nullptr) {
    if (std::find(kLaterCommands.begin(), kLaterCommands.end(), word) != kLaterCommands.end()) {
      return {ErrorCode::kUnsupported, "", fmt::format("valence {} is not built in yet", word)};
    }
  }
  const bool is_option = word.starts_with("-");
  std::vector<std::string> known;
  if (is_option) {
    for (const CLI::Option* option : command.get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
    }
  } else {
    for (const CLI::App* subcommand : command.get_subcommands({})) known.push_back(subcommand->get_name());
  }
  const std::string what = fmt::format("{} is no {} of {}", word, is_option ? "option" : "command", command.get_name());
  const std::string meant = nearest_word(word.substr(0, word.find('=')), known);
  return meant.empty() ? usage_error(what, command)
                       : Error(ErrorCode::kInvalidArgument, "", what, fmt::format("did you mean {}?", meant));
}

/// The subcommand that parsing had reached.
const CLI::App& innermost(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : innermost(*parsed.front());
}

ExitCode run(int argc, char** argv) {
  CLI::App app("valence labels texts on this machine: sentiment out of the box, any Hugging Face encoder by -m.",
               "valence");
  app.set_version_flag("--version", fmt::format("valence {}", VALENCE_VERSION));
  app.footer(
      "Examples:\n  valence classify -t \"not bad at all\"\n  valence classify reviews.csv -o labelled.csv\n"
      "  valence models info default");
  app.require_subcommand(0, 1);
  app.fallthrough();
  app.formatter(std::make_shared<ExamplesFirst>());

  GlobalOptions global;
  std::string color = "auto";
  app.add_flag("-q,--quiet", global.quiet, "No progress, notes or warnings");
  app.add_option("--color", color, "auto, always or never [auto]")->type_name("WHEN");
  std::string config;
  app.add_option("--config", config, "A TOML file of settings, e.g. [classify] threads = 2")->type_name("FILE");
  const std::array commands{add_classify(app), add_models(app), add_bench(app), add_doctor(app)};

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {  // --help, --version
    std::ostringstream text;
    app.exit(asked, text, text);
    return print_to_stdout(text.str());
  } catch (const CLI::ExtrasError&) {
    const auto words = app.remaining(true);
    const auto option =
        std::find_if(words.begin(), words.end(), [](const auto& word) { return word.starts_with("-"); });
    const CLI::App& command = innermost(app);
    const bool inside_a_command = command.get_parent() != nullptr;
    print_error(unexpected_word(inside_a_command && option != words.end() ? *option : words.front(), command));
    return ExitCode::kUsage;
  } catch (const CLI::ParseError& wrong) {
    print_error(usage_error(wrong.what(), innermost(app)));
    return ExitCode::kUsage;
  }
  const auto color_mode = parse_color_mode(color);
  if (!color_mode) {
    print_error(usage_error(fmt::format("--color: \"{}\" is not one of auto, always, never", color), app));
    return ExitCode::kUsage;
  }
  set_message_color(*color_mode);
  for (const Command& command : commands) {
    if (!command.app->parsed()) continue;
    std::vector<std::string> names;
    for (const Command& each : commands) names.push_back(each.app->get_name());
    const Status set =
        config_files(config).and_then([&](const auto& files) { return apply_settings(*command.app, files, names); });
    if (!set) {
      print_error(set.error());
      return exit_code_for(set.error().code());
    }
    return command.run(global);
  }
  std::fputs(app.help().c_str(), stderr);
  return ExitCode::kUsage;
}

/// A standard descriptor that the caller closed would be given to the next file we open, and messages would land in it.
void hold_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) >= 0) continue;
    // Lowest free number first, so this opens as `fd`. Standard output read-only: writing to it must still fail.
    [[maybe_unused]] const int opened = ::open("/dev/null", fd == STDERR_FILENO ? O_WRONLY : O_RDONLY);
  }
}

}  // namespace
}  // namespace valence::cli

int main(int argc, char** argv) {
  // Writes report what these two would kill the program for: a reader that left, a file size limit.
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  valence::cli::hold_standard_descriptors();
  try {
    return static_cast<int>(valence::cli::run(argc, argv));
  } catch (const std::bad_alloc&) {
    valence::cli::print_error({valence::ErrorCode::kOverloaded, "", "out of memory", "try a smaller --batch-tokens"});
    return static_cast<int>(valence::cli::ExitCode::kOverloaded);
  } catch (const std::exception& bug) {
    valence::cli::print_error(
        {valence::ErrorCode::kInternal, "", fmt::format("internal error: {}", bug.what()), "please report this"});
    return static_cast<int>(valence::cli::ExitCode::kInternal);
  }
}
