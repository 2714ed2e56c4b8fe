#include "valence/model/config_rewrite.h"

#include <fmt/format.h>

#include <algorithm>

#include "valence/base/json.h"
#include "valence/model/config_names.h"

namespace valence {

Result<std::string> config_with(std::string_view config_json, const ConfigMembers& members,
                                std::span<const std::string_view> removed) {
  VALENCE_TRY(const Json config, Json::parse(config_json, "config.json"));
  VALENCE_TRY(const auto kept, config.members());
  std::string text = "{";
  const auto add = [&](std::string_view key, std::string_view value) {
    text += text.size() == 1 ? "\n  " : ",\n  ";
    append_json_string(text, key);
    text += ": ";
    text += value;
  };
  for (const auto& [key, value] : kept) {
    const bool replaced = std::ranges::find(members, key, &ConfigMembers::value_type::first) != members.end();
    if (!replaced && std::ranges::find(removed, key) == removed.end()) add(key, value.dump());
  }
  for (const auto& [key, value] : members) add(key, value);
  return text + "\n}\n";
}

ConfigMembers label_members(std::span<const std::string> labels, ProblemType problem_type) {
  std::string by_id;
  std::string by_label;
  for (std::size_t id = 0; id < labels.size(); ++id) {
    std::string label;
    append_json_string(label, labels[id]);
    const char* const comma = id == 0 ? "" : ", ";
    by_id += fmt::format("{}\"{}\": {}", comma, id, label);
    by_label += fmt::format("{}{}: {}", comma, label, id);
  }
  return {{"id2label", fmt::format("{{{}}}", by_id)},
          {"label2id", fmt::format("{{{}}}", by_label)},
          {"problem_type", fmt::format("\"{}\"", problem_type_name(problem_type))}};
}

}  // namespace valence
