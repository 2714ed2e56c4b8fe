/// \file
/// `valence config show`: the effective settings as TOML, and where each comes from.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "valence/alert/rule.h"
#include "valence/cli/alerts_config.h"
#include "valence/cli/command.h"
#include "valence/cli/nearest_word.h"
#include "valence/cli/program.h"
#include "valence/cli/settings.h"
#include "valence/cli/terminal.h"
#include "valence/cli/toml_text.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

struct ShowArguments {
  std::vector<std::string> sections;
  bool origin = false;
};

// Besides what stands in files of its own: an address to post to lets anybody who has it post.
const std::vector<std::string> kAlertSecrets{"url", "key"};

std::string with_origin(const std::string& line, const std::string& origin, bool is_wanted) {
  constexpr std::size_t kColumn = 44;
  return is_wanted ? fmt::format("{:<{}}  # {}\n", line, kColumn, origin) : line + "\n";
}

std::string text_of(const OptionSection& section, const std::vector<EffectiveSetting>& settings, bool origin) {
  std::string text = fmt::format("\n[{}]\n", section.name);
  for (const EffectiveSetting& setting : settings) {
    if (setting.words.empty()) {
      const std::string& note = setting.entry.default_note;
      text += fmt::format("# {} is not set{}{}\n", setting.entry.key, note.empty() ? "" : ": ", note);
      continue;
    }
    std::vector<std::string> words = setting.words;
    for (std::string& word : words) word = without_password(std::move(word));
    text += with_origin(fmt::format("{} = {}", setting.entry.key, toml_value(setting.entry.kind, words)),
                        setting.origin, origin);
  }
  return text;
}

/// What [alerts] says, and what it leaves at its default; what is wrong in it is an error.
Result<std::string> alerts_text(const std::vector<fs::path>& files, bool origin) {
  VALENCE_TRY(const auto table, config_table(files, "alerts"));
  VALENCE_TRY(const alert::AlertSettings settings, read_alert_settings(table ? &*table : nullptr));
  std::string text = "\n[alerts]\n";
  std::string tables;
  if (table) {
    for (const auto& [key, value] : table->members) {
      if (key == "receivers" && value.kind == ConfigValue::Kind::kTable) {
        for (const auto& [name, receiver] : value.members) {
          tables += with_origin(fmt::format("receivers.{} = {}", toml_key(name), toml_value(receiver, kAlertSecrets)),
                                receiver.place, origin);
        }
      } else {
        text +=
            with_origin(fmt::format("{} = {}", toml_key(key), toml_value(value, kAlertSecrets)), value.place, origin);
      }
    }
  }
  const auto left_out = [&](const char* key, const std::string& value) {
    if (table && table->find(key) != nullptr) return;
    text += with_origin(fmt::format("{} = {}", key, toml_string(value)), "built-in", origin);
  };
  left_out("group_wait", alert::duration_text(settings.timing.wait_ms));
  left_out("group_interval", alert::duration_text(settings.timing.interval_ms));
  left_out("repeat_interval", alert::duration_text(settings.timing.repeat_ms));
  left_out("state_file", settings.state_file.string());
  if (settings.rules.empty()) text += "# there are no rules\n";
  return text + tables;
}

Result<std::string> show(const ShowArguments& arguments, const GlobalOptions& global) {
  VALENCE_TRY(const auto files, config_files(global.config));
  const Program program;
  const auto tables = program.config_tables();
  for (const std::string& asked : arguments.sections) {
    if (std::find(tables.begin(), tables.end(), asked) == tables.end())
      return fail(ErrorCode::kInvalidArgument, asked, "is no section of the settings", did_you_mean(asked, tables));
  }
  const auto is_asked = [&](const std::string& name) {
    const auto& asked = arguments.sections;
    return asked.empty() || std::find(asked.begin(), asked.end(), name) != asked.end();
  };
  std::string text = "# From these files, strongest first:";
  for (const fs::path& file : files) text += " " + file.string();
  text += files.empty() ? " none\n" : "\n";
  for (const OptionSection& section : option_sections(*program.app)) {
    if (!is_asked(section.name)) continue;
    VALENCE_TRY(const auto settings, effective_settings(*section.app, files, tables));
    text += text_of(section, settings, arguments.origin);
  }
  if (is_asked("alerts")) {
    VALENCE_TRY(const std::string alerts, alerts_text(files, arguments.origin));
    text += alerts;
  }
  return text;
}

ExitCode run_show(const ShowArguments& arguments, const GlobalOptions& global) {
  const auto text = show(arguments, global);
  if (text) return print_to_stdout(*text);
  print_error(text.error());
  return exit_code_for(text.error().code());
}

}  // namespace

Command add_config_show(CLI::App& config) {
  CLI::App* app =
      config.add_subcommand("show", "What every setting is, as TOML; passwords and secret addresses as ***");
  app->footer("Examples:\n  valence config show --origin\n  valence config show serve alerts");
  const auto arguments = std::make_shared<ShowArguments>();
  app->add_option("sections", arguments->sections, "serve, models-pull, alerts, ... [all]")->type_name("SECTION");
  app->add_flag("--origin", arguments->origin, "Say of each where it comes from");
  return {.app = app, .run = [arguments](const GlobalOptions& global) { return run_show(*arguments, global); }};
}

}  // namespace valence::cli
