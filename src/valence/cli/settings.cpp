#include "valence/cli/settings.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <optional>

#include "valence/cli/nearest_word.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;
using Kind = ConfigValue::Kind;

std::string with_dashes(std::string_view key) {
  std::string name(key);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::vector<std::string> keys_of(const std::vector<OptionEntry>& entries) {
  std::vector<std::string> keys;
  for (const OptionEntry& entry : entries) keys.push_back(entry.key);
  return keys;
}

/// A value as the words of a command line; a list gives several.
std::optional<std::vector<std::string>> words_of(const ConfigValue& value) {
  switch (value.kind) {
    case Kind::kText:
      return {{value.text}};
    case Kind::kInteger:
      return {{std::to_string(value.integer)}};
    case Kind::kNumber:
      return {{fmt::format("{}", value.number)}};
    case Kind::kBoolean:
      return {{value.boolean ? "true" : "false"}};
    case Kind::kList: {
      std::vector<std::string> words;
      for (const ConfigValue& item : value.items) {
        const auto inner = item.kind == Kind::kList ? std::nullopt : words_of(item);
        if (!inner) return std::nullopt;
        words.push_back(inner->front());
      }
      return words;
    }
    case Kind::kTable:
    case Kind::kOther:
      return std::nullopt;
  }
  return std::nullopt;
}

Status give(CLI::Option& option, const std::vector<std::string>& words, const std::string& place) {
  try {
    for (const std::string& word : words) option.add_result(word);
    option.run_callback();
  } catch (const CLI::Error& refused) {
    return fail(ErrorCode::kInvalidArgument, place, refused.what());
  }
  return {};
}

std::optional<Error> unknown_table(const std::string& name, const ConfigValue& value,
                                   const std::vector<std::string>& tables) {
  if (std::find(tables.begin(), tables.end(), name) != tables.end()) return std::nullopt;
  return Error(ErrorCode::kInvalidArgument, value.key_place, fmt::format("unknown table or key \"{}\"", name),
               did_you_mean(name, tables));
}

/// What is wrong with one member of a section's table, as far as its name and kind tell.
std::optional<Error> wrong_member(const std::string& section, const std::string& key, const ConfigValue& value,
                                  const std::vector<std::string>& keys) {
  if (std::find(keys.begin(), keys.end(), with_dashes(key)) == keys.end()) {
    return Error(ErrorCode::kInvalidArgument, value.key_place, fmt::format("unknown key \"{}\" in [{}]", key, section),
                 did_you_mean(with_dashes(key), keys));
  }
  if (!words_of(value)) {
    return Error(ErrorCode::kInvalidArgument, value.place,
                 fmt::format("the value of \"{}\" is no string, number, boolean or list of those", key));
  }
  return std::nullopt;
}

Error no_table(const std::string& name, const ConfigValue& value) {
  return {ErrorCode::kInvalidArgument, value.key_place, fmt::format("\"{}\" must be a table", name)};
}

/// Checks the whole section, so that a misspelt key is told even where another setting wins.
Status check_file(const ConfigValue& root, const std::string& section, const std::vector<std::string>& keys,
                  const std::vector<std::string>& tables) {
  for (const auto& [name, value] : root.members) {
    if (const auto error = unknown_table(name, value, tables)) return fail(*error);
    if (name != section) continue;
    if (value.kind != Kind::kTable) return fail(no_table(name, value));
    for (const auto& [key, member] : value.members) {
      if (const auto error = wrong_member(section, key, member, keys)) return fail(*error);
    }
  }
  return {};
}

const ConfigValue* member_of(const ConfigValue& table, const std::string& key) {
  for (const auto& [name, value] : table.members) {
    if (with_dashes(name) == key) return &value;
  }
  return nullptr;
}

/// Every variable of the command's prefix must name an option: a misspelt one would be ignored in silence.
Status check_environment(const std::string& section, const std::vector<std::string>& keys) {
  const std::string prefix = environment_name(section, "");
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = std::string_view(*entry).substr(0, std::string_view(*entry).find('='));
    if (!variable.starts_with(prefix)) continue;
    std::string key = with_dashes(variable.substr(prefix.size()));
    std::transform(key.begin(), key.end(), key.begin(),
                   [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
    if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
      const std::string nearest = nearest_word(key, keys);
      return fail(ErrorCode::kInvalidArgument, std::string(variable), "names no option that can be set this way",
                  nearest.empty() ? "" : fmt::format("did you mean {}?", environment_name(section, nearest)));
    }
  }
  return {};
}

}  // namespace

Result<std::vector<EffectiveSetting>> effective_settings(CLI::App& command, const std::vector<fs::path>& files,
                                                         const std::vector<std::string>& tables) {
  const std::string section = section_name(command);
  std::vector<OptionEntry> entries = settable_options(command);
  const std::vector<std::string> keys = keys_of(entries);
  std::vector<ConfigValue> roots;
  for (const fs::path& file : files) {
    VALENCE_TRY(ConfigValue root, read_config(file));
    VALENCE_TRY_STATUS(check_file(root, section, keys, tables));
    roots.push_back(std::move(root));
  }
  VALENCE_TRY_STATUS(check_environment(section, keys));
  std::vector<EffectiveSetting> settings;
  for (OptionEntry& entry : entries) {
    EffectiveSetting setting{.entry = std::move(entry), .words = {}, .origin = "built-in"};
    const std::string variable = environment_name(section, setting.entry.key);
    if (const char* value = std::getenv(variable.c_str()); value != nullptr) {
      setting.words = {value};
      setting.origin = "environment " + variable;
      setting.is_given = true;
    }
    for (std::size_t i = 0; !setting.is_given && i < roots.size(); ++i) {
      const ConfigValue* const table = roots[i].find(section);
      const ConfigValue* const value = table == nullptr ? nullptr : member_of(*table, setting.entry.key);
      if (value == nullptr) continue;
      setting.words = *words_of(*value);
      setting.origin = value->place;
      setting.is_given = true;
    }
    if (!setting.is_given && !setting.entry.default_word.empty()) setting.words = {setting.entry.default_word};
    settings.push_back(std::move(setting));
  }
  return settings;
}

Status apply_settings(CLI::App& command, const std::vector<fs::path>& files, const std::vector<std::string>& tables) {
  VALENCE_TRY(const auto settings, effective_settings(command, files, tables));
  for (const EffectiveSetting& setting : settings) {
    if (!setting.is_given || setting.entry.option->count() > 0) continue;
    VALENCE_TRY_STATUS(give(*setting.entry.option, setting.words, setting.origin));
  }
  return {};
}

Status apply_table(CLI::App& command, const ConfigValue& table) {
  for (const OptionEntry& entry : settable_options(command)) {
    const ConfigValue* const value = member_of(table, entry.key);
    if (value != nullptr) VALENCE_TRY_STATUS(give(*entry.option, *words_of(*value), "--" + entry.key));
  }
  return {};
}

namespace {

/// Takes out the member or item that stands at `place`; false when none does.
bool remove_at(ConfigValue& value, const std::string& place) {
  const auto is_there = [&](const ConfigValue& inner) { return inner.place == place || inner.key_place == place; };
  const auto gone = std::erase_if(value.members, [&](const auto& member) { return is_there(member.value); }) +
                    std::erase_if(value.items, is_there);
  if (gone > 0) return true;
  return std::any_of(value.members.begin(), value.members.end(),
                     [&](auto& member) { return remove_at(member.value, place); }) ||
         std::any_of(value.items.begin(), value.items.end(), [&](auto& item) { return remove_at(item, place); });
}

/// The place below `value` that `where` is, or is inside of ("config.toml:4:10: ten"); empty when it is none of them.
std::string place_inside(const ConfigValue& value, const std::string& where) {
  for (const std::string& place : {value.key_place, value.place}) {
    if (!place.empty() && (where == place || where.starts_with(place + ": "))) return place;
  }
  std::string found;
  for (const auto& [name, member] : value.members) {
    if (found.empty()) found = place_inside(member, where);
  }
  for (const ConfigValue& item : value.items) {
    if (found.empty()) found = place_inside(item, where);
  }
  return found;
}

/// The place in the file of what an error is about: of its option, of its own, or of a value that names what was wrong
/// (a file that is not there). Empty where it is about what no file can say: the texts, the data.
std::string place_blamed(const ConfigValue& table, const Error& error) {
  const std::string& where = error.where();
  for (const auto& [name, value] : table.members) {
    if (with_dashes(where) == "--" + with_dashes(name)) return value.place;
    if (std::string inside = place_inside(value, where); !inside.empty()) return inside;
  }
  for (const auto& [name, value] : table.members) {
    const auto words = words_of(value);
    if (words && !words->empty() && words->front().size() > 1 && where.starts_with(words->front())) return value.place;
  }
  return "";
}

/// Judges the table, again without what was refused, until nothing is: the commands stop at their first error.
void judge_values(const std::string& section, ConfigValue table, const JudgeSection& judge, std::vector<Error>& wrong) {
  for (;;) {
    const Status judged = judge(section, table);
    if (judged) return;
    const Error& error = judged.error();
    const std::string place = place_blamed(table, error);
    if (place.empty()) {
      // The whole table: what it lacks, or the first mistakes' consequences.
      if (wrong.empty() && error.where() == table.place) wrong.push_back(error);
      return;
    }
    std::string what = error.what();
    if (error.where().starts_with(place + ": ")) {
      what = fmt::format("{}: {}", error.where().substr(place.size() + 2), what);
    } else if (error.where() != place && !error.where().starts_with("--")) {
      what = fmt::format("{}: {}", error.where(), what);
    }
    wrong.emplace_back(ErrorCode::kInvalidArgument, place, std::move(what), error.hint());
    remove_at(table, place);
  }
}

}  // namespace

std::vector<Error> wrong_settings(const fs::path& file, const std::vector<OptionSection>& sections,
                                  const std::vector<std::string>& tables, const JudgeSection& judge) {
  const auto root = read_config(file);
  if (!root) return {root.error()};
  std::vector<Error> wrong;
  for (const auto& [name, value] : root->members) {
    if (const auto error = unknown_table(name, value, tables)) {
      wrong.push_back(*error);
      continue;
    }
    if (value.kind != Kind::kTable) {
      wrong.push_back(no_table(name, value));
      continue;
    }
    ConfigValue table = value;
    const auto section =
        std::find_if(sections.begin(), sections.end(), [&](const auto& one) { return one.name == name; });
    if (section != sections.end()) {
      const std::vector<std::string> keys = keys_of(section->options);
      std::erase_if(table.members, [&](const auto& member) {
        const auto error = wrong_member(name, member.key, member.value, keys);
        if (error) wrong.push_back(*error);
        return error.has_value();
      });
    }
    judge_values(name, std::move(table), judge, wrong);
  }
  return wrong;
}

}  // namespace valence::cli
