/// \file
/// `valence man`: manual pages in roff (man(7)), from the table of options that --help shows.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "valence/base/write_file.h"
#include "valence/cli/command.h"
#include "valence/cli/exit_code.h"
#include "valence/cli/program.h"
#include "valence/cli/terminal.h"

namespace valence::cli {
namespace {

/// Text as roff takes it: no escape, no request at the beginning of a line, hyphens that can be copied.
std::string roff(std::string_view text) {
  std::string out;
  bool begins_line = true;
  for (const char c : text) {
    if (begins_line && (c == '.' || c == '\'')) out += "\\&";
    begins_line = c == '\n';
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else if (c == '\'') {
      out += "\\(aq";
    } else if (c == '`') {
      out += "\\(ga";
    } else if (c == '^') {
      out += "\\(ha";
    } else if (c == '~') {
      out += "\\(ti";
    } else {
      out += c;
    }
  }
  return out;
}

std::string bold(std::string_view text) { return fmt::format("\\fB{}\\fR", roff(text)); }
std::string italic(std::string_view text) { return fmt::format("\\fI{}\\fR", roff(text)); }

/// "valence-models-pull": of the page and, with ".1", of its file.
std::string page_name(const CLI::App& command) {
  std::string name = full_name(command);
  std::ranges::replace(name, ' ', '-');
  return name;
}

std::string examples(const CLI::App& command) {
  constexpr std::string_view kHeading = "Examples:\n";
  std::string text = command.get_footer();
  if (!text.starts_with(kHeading)) return "";
  return fmt::format(".SH EXAMPLES\n.nf\n{}\n.fi\n", roff(text.substr(kHeading.size())));
}

std::string option_entry(const CLI::Option& option) {
  std::string names;
  const auto add = [&](std::string_view dashes, const std::string& name) {
    names += (names.empty() ? "" : ", ") + bold(std::string(dashes) + name);
  };
  for (const std::string& name : option.get_snames()) add("-", name);
  for (const std::string& name : option.get_lnames()) add("--", name);
  if (option.get_items_expected_max() > 0 && !option.get_type_name().empty()) {
    names += " " + italic(option.get_type_name());
  }
  return fmt::format(".TP\n{}\n{}\n", names, roff(option.get_description()));
}

/// A section a group of options, in the order of --help.
std::string options(const CLI::App& command) {
  std::vector<std::string> groups;
  const auto all = command.get_options([](const CLI::Option* option) { return !option->get_positional(); });
  for (const CLI::Option* option : all) {
    if (!option->get_group().empty() && std::ranges::find(groups, option->get_group()) == groups.end()) {
      groups.push_back(option->get_group());
    }
  }
  std::string out;
  for (const std::string& group : groups) {
    std::string heading = group;
    std::ranges::transform(heading, heading.begin(), [](unsigned char c) { return std::toupper(c); });
    out += fmt::format(".SH {}\n", roff(heading));
    for (const CLI::Option* option : all) {
      if (option->get_group() == group) out += option_entry(*option);
    }
  }
  return out;
}

std::string arguments(const CLI::App& command) {
  std::string out;
  for (const CLI::Option* option : command.get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    out += fmt::format(".TP\n{}\n{}\n", italic(option->get_name(true)), roff(option->get_description()));
  }
  return out.empty() ? out : ".SH ARGUMENTS\n" + out;
}

std::string synopsis(const CLI::App& command) {
  std::string out = fmt::format(".SH SYNOPSIS\n{}", bold(full_name(command)));
  if (!command.get_subcommands({}).empty()) out += fmt::format(" {}", italic("COMMAND"));
  out += " [" + italic("OPTION") + "...]";
  for (const CLI::Option* option : command.get_options([](const CLI::Option* o) { return o->get_positional(); })) {
    const std::string dots = option->get_items_expected_max() > 1 ? "..." : "";
    const std::string name = italic(option->get_name(true)) + dots;
    out += option->get_required() ? " " + name : " [" + name + "]";
  }
  return out + "\n";
}

std::string commands(const CLI::App& command) {
  std::string out;
  for (const CLI::App* below : command.get_subcommands({})) {
    out += fmt::format(".TP\n{}(1)\n{}\n", bold(page_name(*below)), roff(below->get_description()));
  }
  return out.empty() ? out : ".SH COMMANDS\n" + out;
}

/// As docs/exit-codes.md has them.
constexpr std::string_view kExitStatus =
    ".SH EXIT STATUS\n"
    "0: done. 1: finished, but some rows failed or a gate was missed. 2: usage or configuration. 3: a model or data "
    "is\n"
    "missing or invalid. 4: network or remote service. 5: input or output on this machine. 6: overloaded or timed "
    "out.\n"
    "70: an internal error. 130, 143: ended by SIGINT, SIGTERM.\n";

std::string see_also(const CLI::App& command) {
  std::string pages;
  const auto add = [&](const CLI::App& other) {
    pages += fmt::format("{}{}(1)", pages.empty() ? "" : ",\n", bold(page_name(other)));
  };
  for (const CLI::App* above = command.get_parent(); above != nullptr; above = above->get_parent()) add(*above);
  if (const CLI::App* parent = command.get_parent(); parent != nullptr && parent->get_parent() != nullptr) {
    for (const CLI::App* beside : parent->get_subcommands({})) {
      if (beside != &command) add(*beside);
    }
  }
  return pages.empty() ? pages : ".SH SEE ALSO\n" + pages + "\n";
}

std::string page_of(const CLI::App& command) {
  const std::string name = page_name(command);
  std::string title = name;
  std::ranges::transform(title, title.begin(), [](unsigned char c) { return std::toupper(c); });
  return fmt::format(".TH \"{}\" \"1\" \"\" \"valence {}\" \"User Commands\"\n.SH NAME\n{} \\- {}\n", roff(title),
                     VALENCE_VERSION, roff(name), roff(command.get_description())) +
         synopsis(command) + commands(command) + examples(command) + arguments(command) + options(command) +
         std::string(kExitStatus) + see_also(command);
}

void collect(const CLI::App& command, std::vector<const CLI::App*>& all) {
  all.push_back(&command);
  for (const CLI::App* below : command.get_subcommands({})) collect(*below, all);
}

Status write_pages(const CLI::App& program, const std::string& directory) {
  std::vector<const CLI::App*> all;
  collect(program, all);
  for (const CLI::App* command : all) {
    VALENCE_TRY_STATUS(write_file_atomically(directory + "/" + page_name(*command) + ".1", page_of(*command)));
  }
  return {};
}

Result<const CLI::App*> find_command(const CLI::App& program, const std::vector<std::string>& words) {
  const CLI::App* found = &program;
  for (const std::string& word : words) {
    const auto below = found->get_subcommands({});
    const auto next = std::ranges::find(below, word, [](const CLI::App* app) { return app->get_name(); });
    if (next == below.end()) {
      std::vector<std::string> names;
      for (const CLI::App* app : below) names.push_back(app->get_name());
      return fail(ErrorCode::kInvalidArgument, word, fmt::format("is no command of {}", full_name(*found)),
                  names.empty() ? "" : fmt::format("expected {}", fmt::join(names, ", ")));
    }
    found = *next;
  }
  return found;
}

struct ManArguments {
  std::vector<std::string> command;
  std::string output_dir;
};

ExitCode print_manual(const ManArguments& arguments) {
  const Program program;
  if (!arguments.output_dir.empty()) {
    const Status written = write_pages(*program.app, arguments.output_dir);
    if (written) return ExitCode::kOk;
    print_error(written.error());
    return exit_code_for(written.error().code());
  }
  const auto command = find_command(*program.app, arguments.command);
  if (!command) {
    print_error(command.error());
    return ExitCode::kUsage;
  }
  return print_to_stdout(page_of(**command));
}

}  // namespace

Command add_man(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("man", "Manual pages in roff");
  app->footer(
      "Examples:\n  valence man classify | man -l -\n  valence man models pull > valence-models-pull.1\n"
      "  valence man --output-dir ~/.local/share/man/man1");
  const auto arguments = std::make_shared<ManArguments>();
  CLI::Option* words =
      app->add_option("command", arguments->command, "A command, e.g. models pull; without one, the program")
          ->type_name("COMMAND");
  app->add_option("--output-dir", arguments->output_dir, "Write the page of every command into this folder")
      ->type_name("DIR")
      ->excludes(words);
  return {.app = app, .run = [arguments](const GlobalOptions&) { return print_manual(*arguments); }};
}

}  // namespace valence::cli
