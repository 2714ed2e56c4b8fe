/// \file
/// `valence config init`: a configuration file with every key at its default, commented out.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "valence/base/write_file.h"
#include "valence/cli/alerts_config.h"
#include "valence/cli/command.h"
#include "valence/cli/config_file.h"
#include "valence/cli/confirm.h"
#include "valence/cli/program.h"
#include "valence/cli/terminal.h"
#include "valence/cli/toml_text.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHead =
    "# Settings of valence. The command line wins over the environment (VALENCE_SERVE_PORT), that over --config FILE,\n"
    "# that over the user's file, that over /etc/valence/config.toml, that over what is built in.\n"
    "#\n"
    "# Lines that begin with # and a letter are settings at their defaults: take the # away to change one.\n"
    "# `valence config check` finds mistakes, `valence config show --origin` says what is in effect.\n";

std::string text_of(const OptionSection& section) {
  std::string text = fmt::format("\n# {}\n[{}]\n", section.description, section.name);
  for (const OptionEntry& entry : section.options) {
    text += entry.description.empty() ? "" : fmt::format("# {}\n", entry.description);
    if (!entry.default_word.empty()) {
      text += fmt::format("#{} = {}\n", entry.key, toml_value(entry.kind, {entry.default_word}));
    } else {
      text += fmt::format("# {} = {}   (not set{}{})\n", entry.key, entry.value_name,
                          entry.default_note.empty() ? "" : ": ", entry.default_note);
    }
  }
  return text;
}

std::string whole_file() {
  const Program program;
  std::string text(kHead);
  for (const OptionSection& section : option_sections(*program.app)) text += text_of(section);
  return text + alerts_sample();
}

ExitCode init(const std::string& output, bool yes, const GlobalOptions& global) {
  if (output == "-") return print_to_stdout(whole_file());
  const fs::path file = output.empty() ? usual_config_files().user : fs::path(output);
  const auto failed = [](const Error& error) {
    print_error(error);
    return exit_code_for(error.code());
  };
  if (file.empty()) {
    return failed({ErrorCode::kInvalidArgument, "HOME", "is not set, so there is no place for the user's settings",
                   "give -o FILE"});
  }
  std::error_code ignored;
  if (fs::exists(file, ignored)) {
    const auto no =
        refused(yes, "the configuration is not replaced", fmt::format("{} is there\n", file.string()), "Replace it?");
    if (no) return *no;
  }
  if (!file.parent_path().empty()) {
    std::error_code error;
    fs::create_directories(file.parent_path(), error);
    if (error) return failed({ErrorCode::kIo, file.parent_path().string(), error.message()});
  }
  if (const Status written = write_file_atomically(file, whole_file()); !written) return failed(written.error());
  if (!global.quiet) print_note(fmt::format("{} written", file.string()));
  return ExitCode::kOk;
}

}  // namespace

Command add_config_init(CLI::App& config) {
  CLI::App* app = config.add_subcommand("init", "Write a file with every key at its default, commented out");
  app->footer("Examples:\n  valence config init\n  valence config init -o - | less\n  valence config init --yes");
  const auto output = std::make_shared<std::string>();
  const auto yes = std::make_shared<bool>(false);
  app->add_option("-o,--output", *output, "The file; - is standard output [the user's]")->type_name("FILE");
  app->add_flag("--yes,--force", *yes, "Replace a file that is there");
  return {.app = app, .run = [output, yes](const GlobalOptions& global) { return init(*output, *yes, global); }};
}

}  // namespace valence::cli
