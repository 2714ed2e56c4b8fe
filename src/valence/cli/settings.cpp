#include "valence/cli/settings.h"

#include <fmt/format.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <numeric>
#include <optional>

#include "valence/base/file.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxConfigBytes = 1 << 20;

std::string with_dashes(std::string_view key) {
  std::string name(key);
  std::replace(name.begin(), name.end(), '_', '-');
  return name;
}

std::string environment_name(const std::string& command, const std::string& option) {
  std::string name = fmt::format("VALENCE_{}_{}", command, option);
  for (char& c : name) c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

/// Long names of the options that a configuration may set.
std::vector<std::string> settable_options(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      const bool of_one_run = name == "help" || name == "text" || name == "pair" || name == "text-pair" ||
                              name == "decode" || name == "data" || name == "output" || name == "resume" ||
                              name == "yes" || name == "remove-damaged" || name == "everything";
      if (!of_one_run) names.push_back(name);
    }
  }
  return names;
}

Error at(const fs::path& file, const toml::source_region& source, std::string what, std::string hint = {}) {
  return {ErrorCode::kInvalidArgument, fmt::format("{}:{}", file.string(), source.begin.line), std::move(what),
          std::move(hint)};
}

/// One TOML value as the words of a command line; an array gives several.
std::optional<std::vector<std::string>> words_of(const toml::node& node) {
  if (const auto* array = node.as_array()) {
    std::vector<std::string> words;
    for (const auto& element : *array) {
      const auto inner = element.is_array() ? std::nullopt : words_of(element);
      if (!inner) return std::nullopt;
      words.push_back(inner->front());
    }
    return words;
  }
  if (const auto text = node.value_exact<std::string>()) return {{*text}};
  if (const auto number = node.value_exact<std::int64_t>()) return {{std::to_string(*number)}};
  if (const auto real = node.value_exact<double>()) return {{fmt::format("{}", *real)}};
  if (const auto boolean = node.value_exact<bool>()) return {{*boolean ? "true" : "false"}};
  return std::nullopt;
}

struct Setting {
  std::vector<std::string> words;
  std::string place;  // for errors
};

Status give(CLI::Option& option, const Setting& setting) {
  try {
    for (const std::string& word : setting.words) option.add_result(word);
    option.run_callback();
  } catch (const CLI::Error& refused) {
    return fail(ErrorCode::kInvalidArgument, setting.place, refused.what());
  }
  return {};
}

Result<toml::table> parse(const fs::path& file) {
  VALENCE_TRY(const std::string text, read_file(file, kMaxConfigBytes));
  try {
    return toml::parse(text, file.string());
  } catch (const toml::parse_error& wrong) {
    return fail(at(file, wrong.source(), std::string(wrong.description())));
  }
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& words) {
  const std::string nearest = nearest_word(word, words);
  return nearest.empty() ? "" : fmt::format("did you mean \"{}\"?", nearest);
}

/// Checks the whole file, so that a misspelt key is told even where another setting wins.
Status check_keys(const fs::path& file, const toml::table& root, const std::string& command,
                  const std::vector<std::string>& options, const std::vector<std::string>& command_names) {
  for (const auto& [name, node] : root) {
    const std::string table_name(name.str());
    if (std::find(command_names.begin(), command_names.end(), table_name) == command_names.end()) {
      return fail(at(file, node.source(), fmt::format("unknown table or key \"{}\"", table_name),
                     did_you_mean(table_name, command_names)));
    }
    if (table_name != command) continue;
    if (!node.is_table()) return fail(at(file, node.source(), fmt::format("\"{}\" must be a table", table_name)));
    for (const auto& [key, value] : *node.as_table()) {
      if (std::find(options.begin(), options.end(), with_dashes(key.str())) == options.end()) {
        return fail(at(file, value.source(), fmt::format("unknown key \"{}\" in [{}]", key.str(), command),
                       did_you_mean(with_dashes(key.str()), options)));
      }
      if (!words_of(value)) {
        return fail(at(file, value.source(),
                       fmt::format("the value of \"{}\" is no string, number, boolean or list "
                                   "of those",
                                   key.str())));
      }
    }
  }
  return {};
}

std::optional<Setting> setting_in(const fs::path& file, const toml::table& root, const std::string& command,
                                  const std::string& option) {
  const auto* table = root[command].as_table();
  if (table == nullptr) return std::nullopt;
  for (const auto& [key, value] : *table) {
    if (with_dashes(key.str()) == option) {
      return Setting{*words_of(value), fmt::format("{}:{}", file.string(), value.source().begin.line)};
    }
  }
  return std::nullopt;
}

/// Every variable of the command's prefix must name an option: a misspelt one would be ignored in silence.
Status check_environment(const std::string& command, const std::vector<std::string>& options) {
  const std::string prefix = environment_name(command, "");
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view variable = std::string_view(*entry).substr(0, std::string_view(*entry).find('='));
    if (!variable.starts_with(prefix)) continue;
    std::string option = with_dashes(variable.substr(prefix.size()));
    std::transform(option.begin(), option.end(), option.begin(),
                   [](char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); });
    if (std::find(options.begin(), options.end(), option) == options.end()) {
      const std::string nearest = nearest_word(option, options);
      return fail(ErrorCode::kInvalidArgument, std::string(variable), "names no option that can be set this way",
                  nearest.empty() ? "" : fmt::format("did you mean {}?", environment_name(command, nearest)));
    }
  }
  return {};
}

/// Deeper ones are of no use to any command, and toml++ bounds its own recursion.
ConfigValue value_of(const fs::path& file, const toml::node& node) {
  using Kind = ConfigValue::Kind;
  ConfigValue value;
  value.place = fmt::format("{}:{}", file.string(), node.source().begin.line);
  if (const auto* table = node.as_table()) {
    value.kind = Kind::kTable;
    for (const auto& [key, member] : *table) value.members.emplace_back(key.str(), value_of(file, member));
  } else if (const auto* array = node.as_array()) {
    value.kind = Kind::kList;
    for (const auto& item : *array) value.items.push_back(value_of(file, item));
  } else if (const auto text = node.value_exact<std::string>()) {
    value.kind = Kind::kText;
    value.text = *text;
  } else if (const auto integer = node.value_exact<std::int64_t>()) {
    value.kind = Kind::kInteger;
    value.integer = *integer;
    value.number = static_cast<double>(*integer);
  } else if (const auto number = node.value_exact<double>()) {
    value.kind = Kind::kNumber;
    value.number = *number;
  } else if (const auto boolean = node.value_exact<bool>()) {
    value.kind = Kind::kBoolean;
    value.boolean = *boolean;
  }
  return value;
}

}  // namespace

const ConfigValue* ConfigValue::find(std::string_view key) const {
  const auto found = std::find_if(members.begin(), members.end(), [&](const auto& member) { return member.first == key; });
  return found == members.end() ? nullptr : &found->second;
}

Result<std::optional<ConfigValue>> config_table(const std::vector<fs::path>& files, std::string_view name) {
  for (const fs::path& file : files) {
    VALENCE_TRY(const toml::table root, parse(file));
    const toml::node* const node = root.get(name);
    if (node == nullptr) continue;
    if (!node->is_table()) return fail(at(file, node->source(), fmt::format("\"{}\" must be a table", name)));
    return value_of(file, *node);
  }
  return std::nullopt;
}

std::optional<Error> unknown_key(const ConfigValue& table, const std::vector<std::string>& known) {
  for (const auto& [key, value] : table.members) {
    if (std::find(known.begin(), known.end(), key) == known.end())
      return Error(ErrorCode::kInvalidArgument, value.place, fmt::format("unknown key \"{}\"", key),
                   did_you_mean(key, known));
  }
  return std::nullopt;
}

UsualConfigFiles usual_config_files() {
  UsualConfigFiles files{.user = {}, .system = "/etc/valence/config.toml"};
  const char* xdg = std::getenv("XDG_CONFIG_HOME");
  const char* home = std::getenv("HOME");
  if (xdg != nullptr && *xdg != '\0') {
    files.user = fs::path(xdg) / "valence/config.toml";
  } else if (home != nullptr && *home != '\0') {
    files.user = fs::path(home) / ".config/valence/config.toml";
  }
  return files;
}

Result<std::vector<fs::path>> config_files(const std::string& explicit_file) {
  std::vector<fs::path> files;
  std::error_code ignored;
  if (!explicit_file.empty()) {
    if (!fs::is_regular_file(explicit_file, ignored)) {
      return fail(ErrorCode::kInvalidArgument, "--config", fmt::format("there is no file {}", explicit_file));
    }
    files.emplace_back(explicit_file);
  }
  const UsualConfigFiles usual = usual_config_files();
  for (const fs::path& file : {usual.user, usual.system}) {
    if (fs::is_regular_file(file, ignored)) files.push_back(file);
  }
  return files;
}

Status apply_settings(CLI::App& command, const std::vector<fs::path>& files,
                      const std::vector<std::string>& command_names) {
  const std::string command_name = command.get_name();
  const std::vector<std::string> options = settable_options(command);
  std::vector<toml::table> tables;
  for (const fs::path& file : files) {
    VALENCE_TRY(toml::table table, parse(file));
    VALENCE_TRY_STATUS(check_keys(file, table, command_name, options, command_names));
    tables.push_back(std::move(table));
  }
  VALENCE_TRY_STATUS(check_environment(command_name, options));
  for (const std::string& name : options) {
    CLI::Option* option = command.get_option("--" + name);
    if (option->count() > 0) continue;
    std::optional<Setting> setting;
    const std::string variable = environment_name(command_name, name);
    if (const char* value = std::getenv(variable.c_str()); value != nullptr) {
      setting = Setting{{value}, variable};
    }
    for (std::size_t i = 0; !setting && i < files.size(); ++i) {
      setting = setting_in(files[i], tables[i], command_name, name);
    }
    if (setting) VALENCE_TRY_STATUS(give(*option, *setting));
  }
  return {};
}

std::string nearest_word(std::string_view word, const std::vector<std::string>& words) {
  constexpr std::size_t kFarthest = 3;
  std::size_t best = kFarthest + 1;
  std::string nearest;
  for (const std::string& candidate : words) {
    // Levenshtein distance, a row at a time.
    std::vector<std::size_t> row(candidate.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= word.size(); ++i) {
      std::size_t diagonal = std::exchange(row[0], i);
      for (std::size_t j = 1; j <= candidate.size(); ++j) {
        const std::size_t replaced = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
        diagonal = std::exchange(row[j], std::min({replaced, row[j] + 1, row[j - 1] + 1}));
      }
    }
    if (row.back() < best) {
      best = row.back();
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace valence::cli
