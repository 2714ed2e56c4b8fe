#include "valence/cli/config_file.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <cstdlib>

#include "valence/base/file.h"
#include "valence/cli/nearest_word.h"

namespace valence::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMaxConfigBytes = 1 << 20;

std::string place_of(const fs::path& file, const toml::source_region& source) {
  return fmt::format("{}:{}:{}", file.string(), source.begin.line, source.begin.column);
}

/// toml++ bounds the depth of what it reads, and with it this recursion.
ConfigValue value_of(const fs::path& file, const toml::node& node) {
  using Kind = ConfigValue::Kind;
  ConfigValue value;
  value.place = place_of(file, node.source());
  if (const auto* table = node.as_table()) {
    value.kind = Kind::kTable;
    for (const auto& [key, member] : *table) {
      ConfigValue& added =
          value.members.emplace_back(ConfigMember{std::string(key.str()), value_of(file, member)}).value;
      added.key_place = place_of(file, key.source());
    }
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

const ConfigValue* ConfigValue::find(std::string_view key) const {
  const auto found =
      std::find_if(members.begin(), members.end(), [&](const auto& member) { return member.key == key; });
  return found == members.end() ? nullptr : &found->value;
}

Result<ConfigValue> read_config(const fs::path& file) {
  VALENCE_TRY(const std::string text, read_file(file, kMaxConfigBytes));
  return parse_config(text, file);
}

Result<ConfigValue> parse_config(std::string_view text, const fs::path& file) {
  try {
    return value_of(file, toml::parse(text, file.string()));
  } catch (const toml::parse_error& wrong) {
    return fail(ErrorCode::kInvalidArgument, place_of(file, wrong.source()), std::string(wrong.description()));
  }
}

Result<std::optional<ConfigValue>> config_table(const std::vector<fs::path>& files, std::string_view name) {
  for (const fs::path& file : files) {
    VALENCE_TRY(const ConfigValue root, read_config(file));
    const ConfigValue* const table = root.find(name);
    if (table == nullptr) continue;
    if (table->kind != ConfigValue::Kind::kTable) {
      return fail(ErrorCode::kInvalidArgument, table->place, fmt::format("\"{}\" must be a table", name));
    }
    return *table;
  }
  return std::nullopt;
}

std::optional<Error> unknown_key(const ConfigValue& table, const std::vector<std::string>& known) {
  for (const auto& [key, value] : table.members) {
    if (std::find(known.begin(), known.end(), key) == known.end())
      return Error(ErrorCode::kInvalidArgument, value.key_place, fmt::format("unknown key \"{}\"", key),
                   did_you_mean(key, known));
  }
  return std::nullopt;
}

}  // namespace valence::cli
