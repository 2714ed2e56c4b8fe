/// \file
/// `valence completion`: what a shell needs to complete commands and options.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <functional>
#include <memory>

#include "valence/cli/command.h"
#include "valence/cli/option_values.h"
#include "valence/cli/program.h"
#include "valence/cli/terminal.h"

namespace valence::cli {
namespace {

struct Word {
  std::string name;
  std::string description;
};

/// What may follow one command: subcommands and long options, its own and those of every command.
struct Place {
  std::string path;  ///< "models pull"; empty for the program itself
  std::vector<Word> commands;
  std::vector<Word> options;
};

void add_options(const CLI::App& app, std::vector<Word>& options) {
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) options.push_back({name, option->get_description()});
  }
}

void add_places(const CLI::App& app, const std::string& path, std::vector<Place>& places) {
  Place place{path, {}, {}};
  add_options(app, place.options);
  for (const CLI::App* parent = app.get_parent(); parent != nullptr; parent = parent->get_parent()) {
    std::vector<Word> inherited;
    add_options(*parent, inherited);
    std::erase_if(inherited, [](const Word& word) { return word.name == "help" || word.name == "version"; });
    place.options.insert(place.options.end(), inherited.begin(), inherited.end());
  }
  for (const CLI::App* below : app.get_subcommands({})) {
    place.commands.push_back({below->get_name(), below->get_description()});
  }
  places.push_back(place);
  for (const CLI::App* below : app.get_subcommands({})) {
    add_places(*below, path.empty() ? below->get_name() : path + " " + below->get_name(), places);
  }
}

std::string words_of(const Place& place) {
  std::string words;
  for (const Word& word : place.commands) words += (words.empty() ? "" : " ") + word.name;
  for (const Word& word : place.options) words += (words.empty() ? "--" : " --") + word.name;
  return words;
}

/// The words before the cursor that are commands make the path: options and their values are passed over.
std::string bash_script(const std::vector<Place>& places) {
  std::string cases;
  std::string paths;
  for (const Place& place : places) {
    cases += fmt::format("    \"{}\") words=\"{}\" ;;\n", place.path, words_of(place));
    if (!place.path.empty()) paths += fmt::format("{}\"{}\"", paths.empty() ? "" : "|", place.path);
  }
  return fmt::format(
      R"(# bash completion of valence: source this, or put it into /usr/share/bash-completion/completions/valence
_valence() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} path="" words="" word next
  for word in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
    next=${{path:+$path }}$word
    case "$next" in
      {}) path=$next ;;
    esac
  done
  case "$path" in
{}  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}}
complete -o default -F _valence valence
)",
      paths, cases);
}

/// In single quotes, where `quote` stands for one of its own.
std::string quoted(const std::string& text, const std::string& quote) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += quote;
    } else {
      out += c == '\n' ? ' ' : c;
    }
  }
  return out + "'";
}

/// A word and its description as zsh's _describe takes them: name:description.
std::string zsh_words(const std::vector<Word>& words, const std::string& prefix) {
  std::string out;
  for (const Word& word : words) {
    std::string name = prefix + word.name;
    for (std::size_t at = 0; (at = name.find(':', at)) != name.npos; at += 2) name.insert(at, 1, '\\');
    out += " " + quoted(name + ":" + word.description, "'\\''");
  }
  return out;
}

std::string zsh_script(const std::vector<Place>& places) {
  std::string cases;
  std::string paths;
  for (const Place& place : places) {
    cases += fmt::format("    '{}') commands=({}) options=({}) ;;\n", place.path, zsh_words(place.commands, ""),
                         zsh_words(place.options, "--"));
    if (!place.path.empty()) paths += fmt::format("{}'{}'", paths.empty() ? "" : "|", place.path);
  }
  return fmt::format(
      R"(#compdef valence
# zsh completion of valence: put this as _valence into a folder of $fpath
_valence() {{
  local path_so_far="" word next
  local -a commands options
  for word in ${{words[2,CURRENT-1]}}; do
    next="${{path_so_far:+$path_so_far }}$word"
    case "$next" in
      {}) path_so_far="$next" ;;
    esac
  done
  case "$path_so_far" in
{}  esac
  if [[ $PREFIX == -* ]]; then
    _describe -o option options
  elif (( $#commands )); then
    _describe command commands
  else
    _files
  fi
}}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then _valence "$@"; else compdef _valence valence; fi
)",
      paths, cases);
}

std::string fish_script(const std::vector<Place>& places) {
  std::string script = "# fish completion of valence: put this into ~/.config/fish/completions/valence.fish\n";
  for (const Place& place : places) {
    std::string condition = "__fish_use_subcommand";
    if (!place.path.empty()) {
      condition.clear();
      for (const std::string& word : split_list(place.path, ' ')) {
        condition += (condition.empty() ? "" : "; and ") + fmt::format("__fish_seen_subcommand_from {}", word);
      }
    }
    for (const Word& word : place.commands) {
      script += fmt::format("complete -c valence -n {} -a {} -d {}\n", quoted(condition, "\\'"), word.name,
                            quoted(word.description, "\\'"));
    }
    for (const Word& word : place.options) {
      script += fmt::format("complete -c valence -n {} -l {} -d {}\n", quoted(condition, "\\'"), word.name,
                            quoted(word.description, "\\'"));
    }
  }
  return script;
}

using ScriptOf = std::string (*)(const std::vector<Place>&);
constexpr std::array<Choice<ScriptOf>, 3> kShells{{{"bash", bash_script}, {"zsh", zsh_script}, {"fish", fish_script}}};

ExitCode complete(const std::string& shell) {
  const auto script = choose("SHELL", shell, kShells);
  if (!script) {
    print_error(script.error());
    return ExitCode::kUsage;
  }
  const Program program;
  std::vector<Place> places;
  add_places(*program.app, "", places);
  return print_to_stdout((*script)(places));
}

}  // namespace

Command add_completion(CLI::App& parent) {
  CLI::App* app = parent.add_subcommand("completion", "What a shell needs to complete valence's commands and options");
  app->footer("Examples:\n  source <(valence completion bash)\n  valence completion zsh > ~/.zfunc/_valence");
  const auto shell = std::make_shared<std::string>();
  app->add_option("shell", *shell, "bash, zsh or fish")->type_name("SHELL")->required();
  return {.app = app, .run = [shell](const GlobalOptions&) { return complete(*shell); }};
}

}  // namespace valence::cli
