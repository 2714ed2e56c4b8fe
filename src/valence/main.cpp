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
#include <system_error>
#include <vector>

#include "valence/cli/nearest_word.h"
#include "valence/cli/program.h"
#include "valence/cli/settings.h"
#include "valence/cli/terminal.h"

namespace valence::cli {
namespace {

/// Commands of the contract that this version does not have: told apart from a typing error.
constexpr std::array kLaterCommands{"stream"};

Error usage_error(std::string what, const CLI::App& command) {
  return {ErrorCode::kInvalidArgument, "", std::move(what),
          fmt::format("{} --help lists what it takes", full_name(command))};
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
  const std::string what = fmt::format("{} is no {} of {}", word, is_option ? "option" : "command", full_name(command));
  const std::string meant = nearest_word(word.substr(0, word.find('=')), known);
  return meant.empty() ? usage_error(what, command)
                       : Error(ErrorCode::kInvalidArgument, "", what, fmt::format("did you mean {}?", meant));
}

/// "--threads \"$N\"" with an N that is not set must not pass as "--threads not given". Texts may be empty.
Status check_no_value_is_empty(const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional() || option->check_lname("text") || option->check_lname("pair") ||
        option->check_lname("text-pair"))
      continue;
    const auto& values = option->results();
    if (option->get_expected_min() > 0 && std::find(values.begin(), values.end(), "") != values.end()) {
      return fail(ErrorCode::kInvalidArgument, option->get_name(), "is empty", "give it a value, or leave it out");
    }
  }
  return {};
}

/// The subcommand that parsing had reached.
const CLI::App& innermost(const CLI::App& app) {
  const auto parsed = app.get_subcommands();
  return parsed.empty() ? app : innermost(*parsed.front());
}

ExitCode run(int argc, char** argv) {
  Program program;
  CLI::App& app = *program.app;
  GlobalOptions& global = program.global;

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
  const auto color_mode = parse_color_mode(program.color);
  if (!color_mode) {
    print_error(usage_error(fmt::format("--color: \"{}\" is not one of auto, always, never", program.color), app));
    return ExitCode::kUsage;
  }
  set_message_color(*color_mode);
  global.color = *color_mode;
  if (const Status given = check_no_value_is_empty(innermost(app)); !given) {
    print_error(given.error());
    return ExitCode::kUsage;
  }
  for (const Command& command : program.commands) {
    if (!command.app->parsed()) continue;
    CLI::App* asked = command.app;  // [models-quantize] holds the settings of `valence models quantize`
    while (!asked->get_subcommands().empty()) asked = asked->get_subcommands().front();
    const Status set = config_files(global.config).and_then([&](const auto& files) {
      // Building the list of tables is only worth it where there is a file that might name one.
      return apply_settings(*asked, files, files.empty() ? std::vector<std::string>() : program.config_tables());
    });
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
    const auto* refused = dynamic_cast<const std::system_error*>(&bug);
    if (refused != nullptr && refused->code() == std::errc::resource_unavailable_try_again) {
      valence::cli::print_error({valence::ErrorCode::kOverloaded, "", "the operating system starts no more threads",
                                 "take fewer --threads, or raise the limit on processes or memory"});
      return static_cast<int>(valence::cli::ExitCode::kOverloaded);
    }
    valence::cli::print_error(
        {valence::ErrorCode::kInternal, "", fmt::format("internal error: {}", bug.what()), "please report this"});
    return static_cast<int>(valence::cli::ExitCode::kInternal);
  }
}
