#include "valence/cli/label_rules.h"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>

#include "valence/base/file.h"
#include "valence/base/json.h"
#include "valence/cli/nearest_word.h"
#include "valence/data/shown_text.h"

namespace valence::cli {
namespace {

constexpr std::uint64_t kMaxRulesBytes = std::uint64_t{4} << 20;
constexpr std::size_t kMaxRules = 10'000;
const std::vector<std::string> kKeys = {"name", "label", "any", "none", "regex", "weight"};

Error unknown_key(const std::string& key, const std::string& where) {
  const std::string meant = nearest_word(key, kKeys);
  return {ErrorCode::kInvalidData, where, fmt::format("\"{}\" is no key of a rule", data::shown(key, 40)),
          meant.empty() ? "keys are name, label, any, none, regex, weight" : fmt::format("did you mean {}?", meant)};
}

std::string rule_place(const std::string& source, std::size_t index) {
  return fmt::format("{}: rule {}", source, index + 1);
}

Result<std::vector<pipeline::LabelRule>> checked(std::vector<pipeline::LabelRule> rules, const std::string& source) {
  if (rules.empty())
    return fail(ErrorCode::kInvalidData, source, "holds no rules", "write [[rules]] with label and any");
  if (rules.size() > kMaxRules) {
    return fail(ErrorCode::kInvalidData, source, fmt::format("holds more than {} rules", kMaxRules));
  }
  return rules;
}

Result<std::vector<std::string>> phrases(const toml::node& node, const std::string& where) {
  std::vector<std::string> words;
  if (const auto text = node.value_exact<std::string>()) return std::vector{*text};
  const auto* const list = node.as_array();
  if (list != nullptr) {
    for (const auto& item : *list) {
      const auto text = item.value_exact<std::string>();
      if (!text) return fail(ErrorCode::kInvalidData, where, "expected strings in the list");
      words.push_back(*text);
    }
    return words;
  }
  return fail(ErrorCode::kInvalidData, where, "expected a string or a list of strings");
}

Result<pipeline::LabelRule> rule_of(const toml::table& table, const std::string& where) {
  pipeline::LabelRule rule;
  rule.name = where.substr(where.rfind(": ") + 2);
  for (const auto& [name, node] : table) {
    const std::string key(name.str());
    const std::string place = fmt::format("{}: {}", where, key);
    if (key == "any" || key == "none") {
      VALENCE_TRY(auto words, phrases(node, place));
      (key == "any" ? rule.any : rule.none) = std::move(words);
    } else if (key == "weight") {
      const auto number = node.value<double>();
      if (!number) return fail(ErrorCode::kInvalidData, place, "expected a number");
      rule.weight = *number;
    } else if (key == "name" || key == "label" || key == "regex") {
      const auto text = node.value_exact<std::string>();
      if (!text) return fail(ErrorCode::kInvalidData, place, "expected a string");
      (key == "name" ? rule.name : key == "label" ? rule.label : rule.regex) = *text;
    } else {
      return fail(unknown_key(key, where));
    }
  }
  return rule;
}

Result<std::vector<std::string>> phrases(const Json& value) {
  if (value.is_string()) {
    VALENCE_TRY(std::string text, value.as_string());
    return std::vector{std::move(text)};
  }
  VALENCE_TRY(const auto items, value.items());
  std::vector<std::string> words;
  for (const Json& item : items) {
    VALENCE_TRY(std::string text, item.as_string());
    words.push_back(std::move(text));
  }
  return words;
}

Result<pipeline::LabelRule> rule_of(const Json& object, const std::string& where) {
  pipeline::LabelRule rule;
  VALENCE_TRY(const auto members, object.members());
  for (const auto& [key, value] : members) {
    if (std::ranges::find(kKeys, key) == kKeys.end()) return fail(unknown_key(key, where));
  }
  VALENCE_TRY(rule.name, object.string_or("name", where.substr(where.rfind(": ") + 2)));
  VALENCE_TRY(rule.label, object.string_or("label", ""));
  VALENCE_TRY(rule.regex, object.string_or("regex", ""));
  VALENCE_TRY(rule.weight, object.number_or("weight", 1));
  if (const auto any = object.find("any")) {
    VALENCE_TRY(rule.any, phrases(*any));
  }
  if (const auto none = object.find("none")) {
    VALENCE_TRY(rule.none, phrases(*none));
  }
  return rule;
}

}  // namespace

Result<std::vector<pipeline::LabelRule>> parse_label_rules_toml(std::string_view text, const std::string& source) {
  toml::table document;
  try {
    document = toml::parse(text, source);
  } catch (const toml::parse_error& wrong) {
    return fail(ErrorCode::kInvalidData, fmt::format("{}:{}", source, wrong.source().begin.line),
                std::string(wrong.description()));
  }
  for (const auto& [name, node] : document) {
    if (name.str() != "rules") {
      return fail(ErrorCode::kInvalidData, source, fmt::format("\"{}\" is not known here", data::shown(name.str(), 40)),
                  "a rules file holds [[rules]] and nothing else");
    }
  }
  std::vector<pipeline::LabelRule> rules;
  const auto* const list = document["rules"].as_array();
  for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
    const auto* const table = list->get(i)->as_table();
    if (table == nullptr) return fail(ErrorCode::kInvalidData, rule_place(source, i), "expected a table");
    VALENCE_TRY(auto rule, rule_of(*table, rule_place(source, i)));
    rules.push_back(std::move(rule));
  }
  return checked(std::move(rules), source);
}

Result<std::vector<pipeline::LabelRule>> parse_label_rules_json(std::string_view text, const std::string& source) {
  VALENCE_TRY(const Json document, Json::parse(text, source));
  VALENCE_TRY(const Json list, document.at("rules"));
  VALENCE_TRY(const auto items, list.items());
  std::vector<pipeline::LabelRule> rules;
  for (std::size_t i = 0; i < items.size(); ++i) {
    VALENCE_TRY(auto rule, rule_of(items[i], rule_place(source, i)));
    rules.push_back(std::move(rule));
  }
  return checked(std::move(rules), source);
}

Result<std::vector<pipeline::LabelRule>> read_label_rules(const std::string& path) {
  VALENCE_TRY(const std::string text, read_file(path, kMaxRulesBytes));
  return path.ends_with(".json") ? parse_label_rules_json(text, path) : parse_label_rules_toml(text, path);
}

}  // namespace valence::cli
